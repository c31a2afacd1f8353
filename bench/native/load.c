/* The load: one thread, one epoll, HTTP/1.1 with keep-alive; one JSON object on stdout.
 *
 *   load -p PORT [-u PATH] [-b BODY_FILE] [-h HEADER]... [-c CONNECTIONS] [-n REQUESTS] [-P PID,PID] [-e TERMINAL]
 *        [-r RAMP_MS] [-w FROM_MS,TO_MS] [-x] [-t TIMEOUT_MS] [-s SEED]
 *
 * Closed loop: each connection sends its next request when the answer to the last one is whole, until REQUESTS
 * are done. Streams: with -n equal to -c every connection carries one; -r spreads their starts at random (by
 * SEED) over a ramp, -w takes CPU, memory and lines of the watched processes within a window of time, -x stops
 * at the window's end and leaves the streams where they are.
 *
 * Rules: CPU is the scheduler's own account (/proc/PID/task/TID/schedstat, ns) of the watched processes alone; a line is
 * a line of payload that is neither empty nor an SSE comment, so that an SSE event and an NDJSON object both
 * count one; a stream is complete when its body ended as HTTP says and TERMINAL was seen; what was begun and
 * did not end, broken or late, is lost. Nothing that fails is sent again. Own CPU is the generator's from start to end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

typedef long long ns;
enum { IDLE, HEAD, BODY_LENGTH, BODY_UNTIL_CLOSE, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER };
enum { HEAD_ROOM = 16384, TAIL = 64, EVENTS = 512, MAX_PIDS = 64 };

typedef struct connection {
    int fd, state, status;
    char head[HEAD_ROOM], tail[TAIL];
    size_t head_size, tail_size;
    long long left;
    bool first_byte, terminal, line_open, line_comment, trailer_text, closing, size_read;
    ns begun, start_at;
} connection;

static int epoll_fd, port, concurrency = 1, pids[MAX_PIDS], pid_count;
static long wanted = 1000, begun, ended, whole, errors, not_ok, incomplete;
static long long lines, bytes;
static char *request, error_sample[256];
static const char *terminal = "";
static size_t request_size, terminal_size;
static ns *latency, *first_byte;
static long latency_count, first_count;

static ns now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static ns cpu_ns(void) {
    ns total = 0;
    for (int i = 0; i < pid_count; i++) {
        char path[320];
        snprintf(path, sizeof path, "/proc/%d/task", pids[i]);
        DIR *tasks = opendir(path);
        if (!tasks) { fprintf(stderr, "load: process %d is gone\n", pids[i]); exit(1); }
        for (struct dirent *task; (task = readdir(tasks));) {
            if (task->d_name[0] == '.') continue;
            snprintf(path, sizeof path, "/proc/%d/task/%.32s/schedstat", pids[i], task->d_name);
            FILE *file = fopen(path, "r");
            ns spent = 0;
            if (file && fscanf(file, "%lld", &spent) == 1) total += spent;
            if (file) fclose(file);
        }
        closedir(tasks);
    }
    return total;
}

static long long rss_bytes(void) {
    long long total = 0;
    for (int i = 0; i < pid_count; i++) {
        char path[64];
        long long pages;
        snprintf(path, sizeof path, "/proc/%d/statm", pids[i]);
        FILE *file = fopen(path, "r");
        if (file && fscanf(file, "%*d %lld", &pages) == 1) total += pages * sysconf(_SC_PAGESIZE);
        if (file) fclose(file);
    }
    return total;
}

static void sample_error(const char *what, const char *detail, size_t size) {
    if (error_sample[0]) return;
    snprintf(error_sample, sizeof error_sample, "%s %.*s", what, (int)(size > 180 ? 180 : size), detail);
    for (char *p = error_sample; *p; p++)
        if (*p == '"' || *p == '\\' || (unsigned char)*p < 32 || (unsigned char)*p > 126) *p = ' ';
}

static void dial(connection *c) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int one = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) { perror("load: connect"); exit(1); }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
}

static void hang_up(connection *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
}

static void begin(connection *c) {
    c->state = IDLE;
    if (begun >= wanted) return;
    if (c->fd < 0) dial(c);
    begun++;
    c->state = HEAD;
    c->head_size = c->tail_size = 0;
    c->first_byte = c->terminal = c->line_open = c->line_comment = c->closing = false;
    c->begun = now_ns();
    size_t sent = 0;
    for (ssize_t n; sent < request_size && (n = send(c->fd, request + sent, request_size - sent, MSG_NOSIGNAL)) > 0;) sent += (size_t)n;
    if (sent != request_size) sample_error("send", strerror(errno), 180);
}

static void finish(connection *c) {
    latency[latency_count++] = now_ns() - c->begun;
    ended++;
    if (c->status != 200) not_ok++;
    else if (terminal_size && !c->terminal) { incomplete++; sample_error("no terminal", c->tail, c->tail_size); }
    else whole++;
    if (c->closing) hang_up(c);
    begin(c);
}

static void broke(connection *c, const char *how) {
    sample_error(how, "", 0);
    errors++;
    ended++;
    hang_up(c);
    begin(c);
}

/* The terminal may be cut anywhere: the end of what came before is looked at together with the beginning of this. */
static void look_for_terminal(connection *c, const char *data, size_t size) {
    if (c->terminal || !terminal_size) return;
    char seam[2 * TAIL];
    size_t joined = size < TAIL ? size : TAIL, keep;
    memcpy(seam, c->tail, c->tail_size);
    memcpy(seam + c->tail_size, data, joined);
    c->terminal = memmem(seam, c->tail_size + joined, terminal, terminal_size) || memmem(data, size, terminal, terminal_size);
    if (size >= TAIL) memcpy(c->tail, data + size - TAIL, c->tail_size = TAIL);
    else {
        keep = c->tail_size + size > TAIL ? TAIL - size : c->tail_size;
        memmove(c->tail, c->tail + c->tail_size - keep, keep);
        memcpy(c->tail + keep, data, size);
        c->tail_size = keep + size;
    }
}

static void payload(connection *c, const char *data, size_t size) {
    if (!c->first_byte) {
        c->first_byte = true;
        first_byte[first_count++] = now_ns() - c->begun;
    }
    bytes += (long long)size;
    if (c->status != 200) sample_error(c->head + 9, data, size);
    for (const char *at = data, *end = data + size; at < end;) {
        if (!c->line_open && *at != '\n' && *at != '\r') c->line_open = true, c->line_comment = *at == ':';
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline) break;
        if (c->line_open && !c->line_comment) lines++;
        c->line_open = false;
        at = newline + 1;
    }
    look_for_terminal(c, data, size);
}

static size_t least(size_t a, long long b) { return (long long)a < b ? a : (size_t)b; }

/* Takes the head's bytes; the state it leaves behind says how the body ends. Returns what it used. */
static size_t take_head(connection *c, const char *data, size_t size, bool *done) {
    size_t room = HEAD_ROOM - 1 - c->head_size, taken = size < room ? size : room, before = c->head_size;
    memcpy(c->head + before, data, taken);
    c->head_size += taken;
    c->head[c->head_size] = 0;
    char *end = strstr(c->head + (before > 3 ? before - 3 : 0), "\r\n\r\n");
    if (!end) {
        if (c->head_size == HEAD_ROOM - 1) { sample_error("head too long", "", 0); c->state = BODY_UNTIL_CLOSE; }
        return taken;
    }
    size_t used = (size_t)(end - c->head) + 4 - before;
    *end = 0;
    c->status = c->head_size > 12 ? atoi(c->head + 9) : 0;
    c->closing = strcasestr(c->head, "\r\nconnection: close") != NULL;
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->left = length ? atoll(length + 17) : 0;
    if (strcasestr(c->head, "\r\ntransfer-encoding: chunked")) c->state = CHUNK_SIZE, c->left = 0, c->size_read = false;
    else if (length) c->state = BODY_LENGTH, *done = c->left == 0;
    else c->state = BODY_UNTIL_CLOSE;
    return used;
}

static int hex(char ch) {
    if (ch >= '0' && ch <= '9') return ch - '0';
    ch |= 32;
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* One step per call; returns the bytes used. Chunk extensions are skipped, trailers too. */
static size_t take(connection *c, const char *data, size_t size, bool *done) {
    size_t used;
    switch (c->state) {
    case HEAD:
        return take_head(c, data, size, done);
    case BODY_UNTIL_CLOSE:
        payload(c, data, size);
        return size;
    case BODY_LENGTH:
    case CHUNK_DATA:
        used = least(size, c->left);
        payload(c, data, used);
        c->left -= (long long)used;
        if (c->left) return used;
        if (c->state == BODY_LENGTH) *done = true;
        else c->state = CHUNK_END;
        return used;
    case CHUNK_SIZE:
        if (*data == '\n') {
            c->state = c->left ? CHUNK_DATA : TRAILER;
            c->size_read = c->trailer_text = false;
        } else if (!c->size_read && hex(*data) >= 0) c->left = c->left * 16 + hex(*data);
        else c->size_read = true;
        return 1;
    case CHUNK_END:
        if (*data == '\n') c->state = CHUNK_SIZE, c->left = 0;
        return 1;
    case TRAILER:
        if (*data == '\n') { *done = !c->trailer_text; c->trailer_text = false; }
        else if (*data != '\r') c->trailer_text = true;
        return 1;
    }
    return size;
}

static void readable(connection *c) {
    static char piece[1 << 18];
    if (c->fd < 0) return;
    ssize_t got = recv(c->fd, piece, sizeof piece, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        if (c->state == IDLE) hang_up(c);
        else if (c->state == BODY_UNTIL_CLOSE && got == 0) c->closing = true, finish(c);
        else broke(c, got == 0 ? "closed too early" : strerror(errno));
        return;
    }
    for (size_t at = 0; at < (size_t)got && c->state != IDLE;) {
        bool done = false;
        at += take(c, piece + at, (size_t)got - at, &done);
        if (!done) continue;
        finish(c);
        return;
    }
}

static int ascending(const void *a, const void *b) {
    ns x = *(const ns *)a, y = *(const ns *)b;
    return (x > y) - (x < y);
}

static int by_start(const void *a, const void *b) {
    return ascending(&((const connection *)a)->start_at, &((const connection *)b)->start_at);
}

static double percentile_us(const ns *sorted, long count, double q) {
    return count ? (double)sorted[(long)(q * (double)(count - 1))] / 1e3 : 0;
}

static void build_request(const char *path, const char *body_file, const char *headers) {
    long size = 0;
    FILE *file = body_file ? fopen(body_file, "r") : NULL;
    if (body_file && (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0)) { perror(body_file); exit(1); }
    request = malloc((size_t)size + HEAD_ROOM);
    if (!request) abort();
    int head = snprintf(request, HEAD_ROOM, "POST %.400s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: bench-load\r\nAccept: */*\r\n"
                        "%sContent-Type: application/json\r\nContent-Length: %ld\r\n\r\n", path, port, headers, size);
    if (file) {
        rewind(file);
        if (fread(request + head, 1, (size_t)size, file) != (size_t)size) { perror(body_file); exit(1); }
        fclose(file);
    }
    request_size = (size_t)head + (size_t)size;
}

typedef struct { ns at, cpu; long long lines, rss; } reading;

static reading read_all(void) { return (reading){now_ns(), cpu_ns(), lines, rss_bytes()}; }

int main(int count, char **arguments) {
    static char headers[4096];
    const char *path = "/v1/chat/completions", *body_file = NULL;
    ns ramp = 0, from = 0, to = 0, limit = 60 * 1000000000LL;
    unsigned seed = 1;
    bool abandon = false;
    struct rlimit files;
    for (int o; (o = getopt(count, arguments, "p:u:b:h:c:n:P:e:r:w:xt:s:")) > 0;) {
        double a = 0, b = 0;
        switch (o) {
        case 'p': port = atoi(optarg); break;
        case 'u': path = optarg; break;
        case 'b': body_file = optarg; break;
        case 'h':
            if (strlen(headers) + strlen(optarg) + 3 > sizeof headers) { fprintf(stderr, "load: too many headers\n"); return 2; }
            strcat(strcat(headers, optarg), "\r\n");
            break;
        case 'c': concurrency = atoi(optarg); break;
        case 'n': wanted = atol(optarg); break;
        case 'P':
            for (char *pid = strtok(optarg, ","); pid && pid_count < MAX_PIDS; pid = strtok(NULL, ",")) pids[pid_count++] = atoi(pid);
            break;
        case 'e': terminal = optarg; terminal_size = strlen(optarg); break;
        case 'r': ramp = atoll(optarg) * 1000000LL; break;
        case 'w': sscanf(optarg, "%lf,%lf", &a, &b); from = (ns)(a * 1e6); to = (ns)(b * 1e6); break;
        case 'x': abandon = true; break;
        case 't': limit = atoll(optarg) * 1000000LL; break;
        case 's': seed = (unsigned)atoi(optarg); break;
        default: return 2;
        }
    }
    if (terminal_size > TAIL) { fprintf(stderr, "load: a terminal is at most %d bytes\n", TAIL); return 2; }
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    build_request(path, body_file, headers);
    latency = calloc((size_t)wanted + 1, sizeof *latency);
    first_byte = calloc((size_t)wanted + 1, sizeof *first_byte);
    connection *all = calloc((size_t)concurrency, sizeof *all);
    if (!latency || !first_byte || !all) abort();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    srandom(seed);
    for (int i = 0; i < concurrency; i++) {
        all[i].fd = -1;
        all[i].start_at = ramp ? (ns)((double)random() / RAND_MAX * (double)ramp) : 0;
    }
    qsort(all, (size_t)concurrency, sizeof *all, by_start);
    /* A pause now and then lets a short accept queue drain. */
    for (int i = 0; i < concurrency; i++) {
        dial(&all[i]);
        if (i % 32 == 31) usleep(5000);
    }
    usleep(50000);

    struct timespec begin_cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin_cpu);
    double own_before = (double)begin_cpu.tv_sec * 1e6 + (double)begin_cpu.tv_nsec / 1e3;
    reading first = read_all(), open = {0}, shut = {0};
    int launched = 0, window = to ? 1 : 0;
    while (ended < wanted && (launched < concurrency || begun > ended)) {
        ns t = now_ns() - first.at;
        if (t >= limit) break;
        while (launched < concurrency && all[launched].start_at <= t) begin(&all[launched++]);
        if (window == 1 && t >= from) { open = read_all(); window = 2; }
        if (window == 2 && t >= to) { shut = read_all(); window = 3; if (abandon) break; }
        struct epoll_event events[EVENTS];
        ns next = t + 100 * 1000000LL;
        if (launched < concurrency && all[launched].start_at < next) next = all[launched].start_at;
        if (window == 1 && from < next) next = from;
        if (window == 2 && to < next) next = to;
        int n = epoll_wait(epoll_fd, events, EVENTS, next > t ? (int)((next - t + 999999) / 1000000) : 0);
        for (int i = 0; i < n; i++) readable(events[i].data.ptr);
    }
    reading last = read_all();
    double seconds = (double)(last.at - first.at) / 1e9;
    long open_streams = begun - ended, lost = errors + incomplete + (abandon && window == 3 ? 0 : open_streams);
    qsort(latency, (size_t)latency_count, sizeof *latency, ascending);
    qsort(first_byte, (size_t)first_count, sizeof *first_byte, ascending);
    printf("{\"n\": %ld, \"begun\": %ld, \"whole\": %ld, \"open\": %ld, \"errors\": %ld, \"non200\": %ld, \"incomplete\": %ld, \"lost\": %ld, "
           "\"seconds\": %.4f, \"lines\": %lld, \"bytes\": %lld, \"answered\": %ld, ",
           ended, begun, whole, open_streams, errors, not_ok, incomplete, lost, seconds, lines, bytes, first_count);
    for (int i = 0; i < 2; i++) {
        const ns *sorted = i ? first_byte : latency;
        long n = i ? first_count : latency_count;
        const char *name = i ? "ttft" : "latency";
        printf("\"%s_p50\": %.1f, \"%s_p90\": %.1f, \"%s_p99\": %.1f, \"%s_p999\": %.1f, ", name, percentile_us(sorted, n, 0.5), name,
               percentile_us(sorted, n, 0.9), name, percentile_us(sorted, n, 0.99), name, percentile_us(sorted, n, 0.999));
    }
    if (window == 3)
        printf("\"window_seconds\": %.3f, \"window_lines\": %lld, \"window_cpu_us\": %.1f, \"window_rss\": %lld, ", (double)(shut.at - open.at) / 1e9,
               shut.lines - open.lines, (double)(shut.cpu - open.cpu) / 1e3, shut.rss);
    struct timespec own;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    printf("\"own_cpu_us\": %.1f, ", (double)own.tv_sec * 1e6 + (double)own.tv_nsec / 1e3 - own_before);
    printf("\"cpu_us\": %.1f, \"rss_before\": %lld, \"rss_after\": %lld, \"sample\": \"%s\"}\n", (double)(last.cpu - first.cpu) / 1e3,
           first.rss, last.rss, error_sample);
    return 0;
}
