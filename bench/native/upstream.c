/* The scripted upstream: one thread, one epoll, two wire formats, no inference.
 *
 *   upstream PORT MODEL...        port 0 takes a free one; the first line on stdout is the port
 *
 * Strategy: a model's name is the script. "m<chunks>x<delay_ms>x<per_write>" is answered with that many
 * chunks, that far apart, that many in one write; no delay means as fast as the socket takes them. Whatever
 * follows the three numbers (a tag such as ":latest") is ignored. A request that does not stream is answered
 * with one body of about 600 bytes. /v1/chat/completions speaks server-sent events, /api/chat speaks NDJSON;
 * /v1/embeddings and /api/embed are in embedding.h.
 *
 * Rules: timers have a resolution of 1 ms, so paced streams that are due in the same millisecond are written
 * in one turn, as an inference server's batch would be; chunk i of a stream is due at start + i * delay, so
 * lateness never accumulates; a stream whose client went away is dropped at its next chunk.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "embedding.h"

enum { MAX_FDS = 65536, WHEEL_SLOTS = 1 << 16, EVENTS = 1024, NAME_SIZE = 96, CHUNK_ROOM = 1024 };

typedef struct { char *bytes; size_t start, end, room; } buffer;

typedef struct connection {
    int fd;                         /* -1 once closed while a timer still points here */
    buffer in, out;
    bool streaming, ndjson, usage, wants_write, armed;
    int chunks, delay, per_write, next_chunk;
    long due, started;
    char model[NAME_SIZE];
    struct connection *next_timer;
} connection;

static int epoll_fd;
static connection *by_fd[MAX_FDS];
static connection *wheel[WHEEL_SLOTS];
static long wheel_now, timers;
static char **models;
static int model_count;

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void append(buffer *b, const char *data, size_t size) {
    if (b->start == b->end) b->start = b->end = 0;
    if (b->end + size > b->room) {
        b->room = (b->end + size) * 2;
        b->bytes = realloc(b->bytes, b->room);
        if (!b->bytes) abort();
    }
    memcpy(b->bytes + b->end, data, size);
    b->end += size;
}

static void release(connection *c) {
    free(c->in.bytes);
    free(c->out.bytes);
    free(c);
}

static void hang_up(connection *c) {
    by_fd[c->fd] = NULL;
    close(c->fd);
    c->fd = -1;
    if (!c->armed) release(c);
}

static void want_write(connection *c, bool wanted) {
    if (c->wants_write == wanted) return;
    c->wants_write = wanted;
    struct epoll_event e = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.fd = c->fd};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

/* An error here is left to the next read, which sees it too and hangs up. */
static void transmit(connection *c, const char *data, size_t size) {
    if (c->out.start == c->out.end) {
        ssize_t sent = send(c->fd, data, size, MSG_NOSIGNAL);
        if (sent == (ssize_t)size) return;
        if (sent > 0) data += sent, size -= (size_t)sent;
    }
    append(&c->out, data, size);
    want_write(c, true);
}

static void respond(connection *c, const char *status, const char *type, const char *body) {
    char head[256];
    size_t size = strlen(body);
    int n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status, type, size);
    char *whole = malloc((size_t)n + size);
    if (!whole) abort();
    memcpy(whole, head, (size_t)n);
    memcpy(whole + n, body, size);
    transmit(c, whole, (size_t)n + size);
    free(whole);
}

#define put(to, ...) snprintf(to, CHUNK_ROOM, __VA_ARGS__)

static int sse_event(const connection *c, char *to, int i) {
    static const char head[] = "data: {\"id\":\"chatcmpl-7Qh2mZ0cTbXv4LrK\",\"object\":\"chat.completion.chunk\",\"created\":1763700000,"
                               "\"model\":\"%s\",\"choices\":[";
    int n = put(to, head, c->model);
    if (i == 0) return n + put(to + n, "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n");
    if (i < c->chunks - 1) return n + put(to + n, "{\"index\":0,\"delta\":{\"content\":\" word%04d\"},\"finish_reason\":null}]}\n\n", i);
    n += put(to + n, "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    if (c->usage) {
        n += put(to + n, head, c->model);
        n += put(to + n, "],\"usage\":{\"prompt_tokens\":42,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n", i, i + 42);
    }
    return n + put(to + n, "data: [DONE]\n\n");
}

static int ndjson_event(const connection *c, char *to, int i) {
    int n = put(to, "{\"model\":\"%s\",\"created_at\":\"2025-11-21T04:40:00.123456789Z\",\"message\":{\"role\":\"assistant\",\"content\":", c->model);
    if (i < c->chunks - 1) return n + put(to + n, "\" word%04d\"},\"done\":false}\n", i);
    return n + put(to + n, "\"\"},\"done\":true,\"done_reason\":\"stop\",\"total_duration\":263819721,\"load_duration\":25625519,"
                           "\"prompt_eval_count\":42,\"prompt_eval_duration\":12500000,\"eval_count\":%d,\"eval_duration\":30250000}\n", i);
}

/* One chunk of the model's is one chunk of HTTP's; the last one carries the end of the body. */
static int chunk(connection *c, char *to) {
    char event[3 * CHUNK_ROOM];
    int i = c->next_chunk++;
    int size = c->ndjson ? ndjson_event(c, event, i) : sse_event(c, event, i);
    int n = sprintf(to, "%x\r\n", (unsigned)size);
    memcpy(to + n, event, (size_t)size);
    n += size;
    n += sprintf(to + n, i == c->chunks - 1 ? "\r\n0\r\n\r\n" : "\r\n");
    return n;
}

static void write_once(connection *c) {
    static char batch[256 * CHUNK_ROOM];
    int size = 0;
    for (int k = 0; k < c->per_write && c->next_chunk < c->chunks; k++) size += chunk(c, batch + size);
    transmit(c, batch, (size_t)size);
    c->streaming = c->next_chunk < c->chunks;
}

static void arm(connection *c) {
    if (c->due <= wheel_now) c->due = wheel_now + 1;
    connection **slot = &wheel[c->due & (WHEEL_SLOTS - 1)];
    c->next_timer = *slot;
    *slot = c;
    c->armed = true;
    timers++;
}

static void advance(connection *c) {
    if (c->delay == 0) {
        while (c->streaming && c->out.start == c->out.end) write_once(c);
        return;
    }
    write_once(c);
    if (!c->streaming) return;
    c->due = c->started + (long)(c->next_chunk / c->per_write) * c->delay;
    arm(c);
}

static void consume(connection *c);

/* A slot also holds timers of later turns of the wheel: they go back. */
static void turn_wheel(void) {
    for (long t = now_ms(); wheel_now < t;) {
        wheel_now++;
        connection *c = wheel[wheel_now & (WHEEL_SLOTS - 1)];
        wheel[wheel_now & (WHEEL_SLOTS - 1)] = NULL;
        for (connection *next; c; c = next) {
            next = c->next_timer;
            c->armed = false;
            timers--;
            if (c->fd < 0) release(c);
            else if (c->due > wheel_now) arm(c);
            else {
                advance(c);
                consume(c);
            }
        }
    }
}

static const char *value_of(const char *body, const char *key) {
    const char *at = strstr(body, key);
    if (!at) return NULL;
    at += strlen(key);
    return at + strspn(at, " :\"");
}

static bool is_true(const char *value) { return value && !strncmp(value, "true", 4); }

static void chat(connection *c, const char *body, bool ndjson) {
    const char *stream = value_of(body, "\"stream\""), *model = value_of(body, "\"model\"");
    size_t length = model ? strcspn(model, "\"") : 0;
    if (length >= NAME_SIZE) length = NAME_SIZE - 1;
    memcpy(c->model, model ? model : "", length);
    c->model[length] = 0;
    c->chunks = 10, c->delay = 0, c->per_write = 1;
    sscanf(c->model, "m%dx%dx%d", &c->chunks, &c->delay, &c->per_write);
    if (c->chunks < 2) c->chunks = 2;
    if (c->per_write < 1 || c->per_write > 200) c->per_write = 1;
    static const char text[] = "A river finds the sea by never asking the way twice. Copper bells rang over nine quiet farms while the "
                               "baker counted loaves, and every window on the lane kept its own small square of morning light for later.";
    if (stream ? !is_true(stream) : !ndjson) {
        char answer[2048];
        if (ndjson)
            snprintf(answer, sizeof answer,
                     "{\"model\":\"%s\",\"created_at\":\"2025-11-21T04:40:00.123456789Z\",\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},"
                     "\"done\":true,\"done_reason\":\"stop\",\"total_duration\":263819721,\"load_duration\":25625519,\"prompt_eval_count\":42,"
                     "\"prompt_eval_duration\":12500000,\"eval_count\":57,\"eval_duration\":30250000}", c->model, text);
        else
            snprintf(answer, sizeof answer,
                     "{\"id\":\"chatcmpl-7Qh2mZ0cTbXv4LrKyW9e5Jd\",\"object\":\"chat.completion\",\"created\":1763700000,\"model\":\"%s\",\"choices\":"
                     "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\",\"refusal\":null},\"logprobs\":null,"
                     "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":42,\"completion_tokens\":57,\"total_tokens\":99},"
                     "\"system_fingerprint\":\"fp_5f1c09aa31\"}", c->model, text);
        respond(c, "200 OK", ndjson ? "application/json; charset=utf-8" : "application/json", answer);
        return;
    }
    char head[256];
    int n = sprintf(head, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\n%sTransfer-Encoding: chunked\r\n\r\n",
                    ndjson ? "application/x-ndjson" : "text/event-stream; charset=utf-8", ndjson ? "" : "Cache-Control: no-cache\r\n");
    c->ndjson = ndjson, c->usage = is_true(value_of(body, "\"include_usage\""));
    c->streaming = true, c->next_chunk = 0, c->started = now_ms();
    transmit(c, head, (size_t)n);
    advance(c);
}

static void list_models(connection *c, bool ollama) {
    char *answer = malloc(256 + (size_t)model_count * 1024);
    if (!answer) abort();
    int n = sprintf(answer, ollama ? "{\"models\":[" : "{\"object\":\"list\",\"data\":[");
    for (int i = 0; i < model_count; i++) {
        if (i) answer[n++] = ',';
        if (ollama)
            n += sprintf(answer + n, "{\"name\":\"%.90s:latest\",\"model\":\"%.90s:latest\",\"modified_at\":\"2025-11-20T08:00:00.5Z\",\"size\":4661224676,"
                         "\"digest\":\"%064x\",\"details\":{\"parent_model\":\"\",\"format\":\"gguf\",\"family\":\"llama\",\"families\":[\"llama\"],"
                         "\"parameter_size\":\"8.0B\",\"quantization_level\":\"Q4_0\"}}", models[i], models[i], (unsigned)i + 1);
        else
            n += sprintf(answer + n, "{\"id\":\"%.90s\",\"object\":\"model\",\"created\":1763700000,\"owned_by\":\"bench\"}", models[i]);
    }
    sprintf(answer + n, "]}");
    respond(c, "200 OK", "application/json", answer);
    free(answer);
}

static void serve(connection *c, const char *method, const char *path, const char *body) {
    static const struct { const char *path, *body; } fixed[] = {
        {"/health", "{\"status\":\"ok\"}"},
        {"/props", "{\"default_generation_settings\":{\"n_ctx\":8192},\"total_slots\":4096,\"model_path\":\"bench.gguf\"}"},
        {"/api/version", "{\"version\":\"0.33.0\"}"},
        {"/api/ps", "{\"models\":[]}"},
        {"/api/show", "{\"modelfile\":\"\",\"parameters\":\"\",\"template\":\"{{ .Prompt }}\",\"details\":{\"parent_model\":\"\",\"format\":\"gguf\","
                      "\"family\":\"llama\",\"families\":[\"llama\"],\"parameter_size\":\"8.0B\",\"quantization_level\":\"Q4_0\"},\"model_info\":"
                      "{\"general.architecture\":\"llama\",\"llama.context_length\":8192,\"llama.embedding_length\":4096},"
                      "\"capabilities\":[\"completion\",\"tools\"]}"},
    };
    if (!strcmp(method, "POST") && !strcmp(path, "/v1/chat/completions")) { chat(c, body, false); return; }
    if (!strcmp(method, "POST") && !strcmp(path, "/api/chat")) { chat(c, body, true); return; }
    if (!strcmp(path, "/v1/embeddings")) { respond(c, "200 OK", "application/json", embeddings(body, false)); return; }
    if (!strcmp(path, "/api/embed")) { respond(c, "200 OK", "application/json", embeddings(body, true)); return; }
    if (!strcmp(method, "HEAD")) { transmit(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38); return; }
    if (!strcmp(path, "/")) { respond(c, "200 OK", "text/plain; charset=utf-8", "Ollama is running"); return; }
    if (!strcmp(path, "/v1/models")) { list_models(c, false); return; }
    if (!strcmp(path, "/api/tags")) { list_models(c, true); return; }
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (!strcmp(path, fixed[i].path)) { respond(c, "200 OK", "application/json", fixed[i].body); return; }
    respond(c, "404 Not Found", "application/json", "{\"error\":\"not found\"}");
}

/* Joins a chunked body in place, after the head; returns the bytes it took on the wire, 0 where it is not all here. */
static size_t dechunk(char *data, size_t size, size_t *body_size) {
    size_t at = 0, filled = 0;
    for (;;) {
        char *line_end = memmem(data + at, size - at, "\r\n", 2);
        if (!line_end) return 0;
        size_t length = strtoul(data + at, NULL, 16), from = (size_t)(line_end - data) + 2;
        if (from + length + 2 > size) return 0;
        memmove(data + filled, data + from, length);
        filled += length, at = from + length + 2;
        if (length == 0) { *body_size = filled; return at; }
    }
}

/* Serves every whole request that has arrived; one that comes while a stream is under way waits for its end. */
static void consume(connection *c) {
    while (!c->streaming && c->in.start < c->in.end) {
        char *data = c->in.bytes + c->in.start;
        size_t size = c->in.end - c->in.start;
        char *head_end = memmem(data, size, "\r\n\r\n", 4);
        if (!head_end) return;
        size_t head = (size_t)(head_end - data) + 4, wire, length = 0;
        char saved = data[head - 1];
        data[head - 1] = 0;
        const char *declared = strcasestr(data, "\r\ncontent-length:");
        bool chunked = strcasestr(data, "\r\ntransfer-encoding: chunked") != NULL;
        char method[8] = "", path[256] = "";
        sscanf(data, "%7s %255[^ ?]", method, path);
        if (declared) length = strtoul(declared + 17, NULL, 10);
        data[head - 1] = saved;
        if (chunked) {
            wire = dechunk(data + head, size - head, &length);
            if (!wire) return;
        } else {
            if (size - head < length) return;
            wire = length;
        }
        char *body = malloc(length + 1);
        if (!body) abort();
        memcpy(body, data + head, length);
        body[length] = 0;
        c->in.start += head + wire;
        serve(c, method, path, body);
        free(body);
    }
}

static void readable(connection *c) {
    static char piece[1 << 16];
    ssize_t got = recv(c->fd, piece, sizeof piece, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) { hang_up(c); return; }
    append(&c->in, piece, (size_t)got);
    consume(c);
}

static void writable(connection *c) {
    ssize_t sent = send(c->fd, c->out.bytes + c->out.start, c->out.end - c->out.start, MSG_NOSIGNAL);
    if (sent > 0) c->out.start += (size_t)sent;
    if (c->out.start < c->out.end) return;
    want_write(c, false);
    if (c->streaming && c->delay == 0) advance(c);
    if (!c->streaming) consume(c);
}

static void accept_all(int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= MAX_FDS) { close(fd); continue; }
        connection *c = calloc(1, sizeof *c);
        if (!c) abort();
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        by_fd[fd] = c;
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
    }
}

int main(int count, char **arguments) {
    struct rlimit files;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(count > 1 ? (unsigned short)atoi(arguments[1]) : 0)};
    socklen_t address_size = sizeof address;
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    models = arguments + 2;
    model_count = count > 2 ? count - 2 : 0;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) { perror("upstream"); return 1; }
    getsockname(listener, (struct sockaddr *)&address, &address_size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event own = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &own);
    wheel_now = now_ms();
    for (;;) {
        int wait = timers ? 1 : -1;
        while (timers && wait < 100 && !wheel[(wheel_now + wait) & (WHEEL_SLOTS - 1)]) wait++;
        int n = epoll_wait(epoll_fd, events, EVENTS, wait);
        if (!timers) wheel_now = now_ms();
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) { accept_all(listener); continue; }
            connection *c = by_fd[fd];
            if (c && events[i].events & EPOLLOUT) writable(c);
            if (by_fd[fd] == c && c && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
        }
        turn_wheel();
    }
}
