/* Embeddings for the scripted upstream: as many as there are inputs, each of 256 numbers, in either wire format.
 *
 * Strategy: an answer depends on the format and on how many it holds, so the last one of each format is kept; what a
 * request costs is a count of its inputs and one write. Rule: inputs are texts without a quotation mark of their own.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 256, NUMBER_ROOM = 16 };

static int count_inputs(const char *body) {
    const char *at = strstr(body, "\"input\"");
    int quotes = 0;
    if (!at) return 1;
    at += strlen("\"input\"");
    at += strspn(at, " :");
    if (*at != '[') return 1;
    for (; *at && *at != ']'; at++) quotes += *at == '"';
    return quotes < 2 ? 1 : quotes / 2;
}

static const char *embeddings(const char *body, bool ollama) {
    static char *kept[2];
    static int kept_count[2];
    int count = count_inputs(body);
    if (kept_count[ollama] == count) return kept[ollama];
    char *answer = malloc((size_t)count * (NUMBERS * NUMBER_ROOM + 128) + 256);
    if (!answer) abort();
    int n = sprintf(answer, ollama ? "{\"model\":\"embedder\",\"embeddings\":[" : "{\"object\":\"list\",\"data\":[");
    for (int i = 0; i < count; i++) {
        if (i) answer[n++] = ',';
        n += sprintf(answer + n, ollama ? "[" : "{\"object\":\"embedding\",\"index\":%d,\"embedding\":[", i);
        for (int k = 0; k < NUMBERS; k++) n += sprintf(answer + n, "%s%.8f", k ? "," : "", (double)((i * 31 + k * 17) % 199 - 99) / 1234.0);
        n += sprintf(answer + n, ollama ? "]" : "]}");
    }
    sprintf(answer + n, ollama ? "],\"total_duration\":14143917,\"load_duration\":1019500,\"prompt_eval_count\":%d}"
                               : "],\"model\":\"embedder\",\"usage\":{\"prompt_tokens\":%d,\"total_tokens\":800}}", count * 8);
    free(kept[ollama]);
    kept_count[ollama] = count;
    return kept[ollama] = answer;
}
