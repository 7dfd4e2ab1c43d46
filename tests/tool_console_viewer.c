/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Viewers of a console over plain HTTP and WebRTC, for scripts/console_soak.py:
 *     tool_console_viewer [--viewers N] [--seconds S] [--decode] [--burned] [--flood] [--offer]
 *                         HOST PORT TOKEN
 * N viewers (1) come, stay S seconds (10) and leave by DELETE. Each second, and at the end, a line
 * of JSON for each viewer tells what has come so far; "ages" and "glass" are of that second:
 * milliseconds and how many findings came, or pictures were decoded, at that age. --decode reads
 * the time marks of pictures; without a decoder access units are counted alone. --flood sends
 * messages as fast as it can. --offer prints an offer and ends.
 * Exit: 1 not accepted or nothing came; 2 usage; 3 built without GStreamer; 4 there are too many.
 */
#include <stdio.h>

#ifdef TRO_HAVE_GSTREAMER
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/thread.h"
#include "console_peer_kit.h"

#define MAX_VIEWERS 32
#define N_AGES 1000 /* ms; the last one has all that are older */
#define N_TIMES 1024
#define ANSWER_BYTES 131072

enum exit_code { DONE, REFUSED, USAGE, NO_GSTREAMER, TOO_MANY };

struct args {
    const char *host, *port, *token;
    int n_viewers;
    double seconds;
    bool decodes, is_burned_in, floods, offers;
};

struct viewer {
    struct kit_page page;
    const struct args *args;
    char location[128];
    int64_t offered_ns;
    pthread_mutex_t lock; /* of the next */
    int64_t first_ns;     /* message */
    int64_t started_ns;   /* of the daemon: no message can come before it was sent */
    struct {
        uint32_t id;
        double at_ms;
    } captured[N_TIMES];
    int ages[N_AGES], glass[N_AGES];
    int n_findings, n_sentences, n_interrupted, n_marks, n_missed;
    uint32_t last_mark;
};

/* ---- what comes ------------------------------------------------------------------------- */

/* Of the first member with that name; negative: there is none. */
static double number_of(const char *text, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *const at = strstr(text, quoted);
    return at ? strtod(at + strlen(quoted), NULL) : -1;
}

static bool has_word(const char *text, const char *key, const char *word)
{
    char pair[64];
    snprintf(pair, sizeof pair, "\"%s\": \"%s\"", key, word);
    return strstr(text, pair) != NULL;
}

static void count_age(int ages[N_AGES], double ms)
{
    ages[ms < 0 ? 0 : ms < N_AGES - 1 ? (int)ms : N_AGES - 1]++;
}

static void take_frame(struct viewer *v, const char *text)
{
    const uint32_t id = (uint32_t)number_of(text, "id");
    const int64_t since_ns = tro_clock_ns() - (int64_t)(number_of(text, "now") * 1e6);
    if (v->started_ns == 0 || since_ns < v->started_ns)
        v->started_ns = since_ns;
    v->captured[id % N_TIMES].id = id;
    v->captured[id % N_TIMES].at_ms = number_of(text, "at");
}

static void on_text(void *ctx, enum tro_viewer_channel channel, const char *text)
{
    struct viewer *const v = ctx;
    pthread_mutex_lock(&v->lock);
    if (v->first_ns == 0)
        v->first_ns = tro_clock_ns();
    if (channel == TRO_CHANNEL_FRAMES && has_word(text, "t", "frame")) {
        take_frame(v, text);
    } else if (channel == TRO_CHANNEL_FRAMES && has_word(text, "t", "findings")) {
        v->n_findings++;
        count_age(v->ages, number_of(text, "age_ms"));
    } else if (channel == TRO_CHANNEL_CONTROL && has_word(text, "t", "sentence")) {
        v->n_sentences++;
        v->n_interrupted += has_word(text, "state", "interrupted");
    }
    pthread_mutex_unlock(&v->lock);
}

/* Pictures that lie between this one and the last were lost on the way, or never encoded. */
static void on_picture(void *ctx, uint32_t mark)
{
    struct viewer *const v = ctx;
    const int64_t now_ns = tro_clock_ns();
    pthread_mutex_lock(&v->lock);
    if (v->n_marks++ && mark > v->last_mark)
        v->n_missed += (int)(mark - v->last_mark - 1);
    v->last_mark = mark;
    if (v->captured[mark % N_TIMES].id == mark && v->started_ns)
        count_age(v->glass,
                  (double)(now_ns - v->started_ns) * 1e-6 - v->captured[mark % N_TIMES].at_ms);
    pthread_mutex_unlock(&v->lock);
}

/* ---- a request -------------------------------------------------------------------------- */

static int connect_to(const struct args *a)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    if (getaddrinfo(a->host, a->port, &hints, &list) != 0)
        return -1;
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, list->ai_addr, list->ai_addrlen) != 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(list);
    return fd;
}

/* The whole answer, which the server ends, as text; the status, or 0: there was none. */
static int ask(const struct args *a, const char *method, const char *path, const char *body,
               char answer[ANSWER_BYTES])
{
    const int fd = connect_to(a);
    size_t n = 0;
    int status = 0;
    if (fd < 0)
        return 0;
    gchar *const text = g_strdup_printf(
        "%s %s HTTP/1.1\r\nHost: %s:%s\r\nAuthorization: Bearer %s\r\nConnection: close\r\n"
        "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
        method, path, a->host, a->port, a->token, strlen(body), body);
    const size_t length = strlen(text);
    if (send(fd, text, length, MSG_NOSIGNAL) == (ssize_t)length)
        for (ssize_t got;
             n < ANSWER_BYTES - 1 && (got = recv(fd, answer + n, ANSWER_BYTES - 1 - n, 0)) > 0;)
            n += (size_t)got;
    answer[n] = 0;
    g_free(text);
    close(fd);
    return sscanf(answer, "HTTP/1.1 %d", &status) == 1 ? status : 0;
}

/* ---- coming, staying, going ------------------------------------------------------------- */

static enum exit_code join(struct viewer *v, const struct args *a)
{
    static char answer[ANSWER_BYTES];
    v->args = a;
    v->page = (struct kit_page){
        .decodes = a->decodes, .picture = on_picture, .text = on_text, .ctx = v};
    pthread_mutex_init(&v->lock, NULL);
    char *const offer = kit_page_offer(&v->page);
    if (!offer) {
        fprintf(stderr, "tool_console_viewer: no candidates were gathered\n");
        return REFUSED;
    }
    v->offered_ns = tro_clock_ns();
    const int status = ask(a, "POST", a->is_burned_in ? "/whep?view=burned" : "/whep", offer,
                           answer);
    const char *const location = strstr(answer, "Location: "), *const sdp = strstr(answer,
                                                                                   "\r\n\r\n");
    g_free(offer);
    if (status != 201 || !location || !sdp) {
        fprintf(stderr, "tool_console_viewer: expected 201, found %d\n", status);
        return status == 503 ? TOO_MANY : REFUSED;
    }
    sscanf(location, "Location: %127[^\r]", v->location);
    kit_page_answer(&v->page, sdp + 4);
    return DONE;
}

static void print_ages(const char *key, int ages[N_AGES])
{
    const char *comma = "";
    printf(", \"%s\": {", key);
    for (int i = 0; i < N_AGES; i++) {
        if (ages[i]) {
            printf("%s\"%d\": %d", comma, i, ages[i]);
            comma = ", ";
        }
        ages[i] = 0;
    }
    printf("}");
}

static void tell(struct viewer *v)
{
    pthread_mutex_lock(&v->lock);
    printf("{\"viewer\": \"%s\", \"seconds\": %.2f, \"units\": %d, \"decoded\": %d, \"marks\": %d, "
           "\"missed\": %d, \"findings\": %d, \"sentences\": %d, \"interrupted\": %d, "
           "\"first_ms\": %.1f",
           v->location, (double)(tro_clock_ns() - v->offered_ns) * 1e-9,
           atomic_load(&v->page.n_units), atomic_load(&v->page.n_decoded), v->n_marks, v->n_missed,
           v->n_findings, v->n_sentences, v->n_interrupted,
           v->first_ns ? (double)(v->first_ns - v->offered_ns) * 1e-6 : -1);
    print_ages("ages", v->ages);
    print_ages("glass", v->glass);
    printf("}\n");
    fflush(stdout);
    pthread_mutex_unlock(&v->lock);
}

/* Ends with the time, and floods with its viewers, which the console closes. */
static void stay(struct viewer *list, const struct args *a)
{
    const int64_t end_ns = tro_clock_ns() + (int64_t)(a->seconds * 1e9);
    int64_t next_ns = tro_clock_ns() + INT64_C(1000000000);
    while (tro_clock_ns() < end_ns) {
        for (int i = 0; a->floods && i < a->n_viewers; i++)
            for (int k = 0; atomic_load(&list[i].page.is_open) && k < 50; k++)
                gst_webrtc_data_channel_send_string(list[i].page.control,
                                                    "{\"t\":\"ping\",\"at\":1}");
        usleep(20000);
        if (tro_clock_ns() < next_ns)
            continue;
        next_ns += INT64_C(1000000000);
        for (int i = 0; i < a->n_viewers; i++)
            tell(&list[i]);
    }
}

static enum exit_code leave(struct viewer *v)
{
    static char answer[ANSWER_BYTES];
    const struct args *const a = v->args;
    const int status = ask(a, "DELETE", v->location, "", answer);
    const bool is_ok = status == 200 || (a->floods && status == 404);
    tell(v);
    if (!is_ok)
        fprintf(stderr, "tool_console_viewer: DELETE: expected 200, found %d\n", status);
    else if (atomic_load(&v->page.n_units) == 0 && !a->floods)
        fprintf(stderr, "tool_console_viewer: no picture has come\n");
    const bool has_seen = atomic_load(&v->page.n_units) > 0 || a->floods;
    kit_page_leave(&v->page);
    pthread_mutex_destroy(&v->lock);
    return is_ok && has_seen ? DONE : REFUSED;
}

static enum exit_code print_offer(void)
{
    static struct kit_page page;
    char *const offer = kit_page_offer(&page);
    if (offer)
        fputs(offer, stdout);
    g_free(offer);
    kit_page_leave(&page);
    return offer ? DONE : REFUSED;
}

/* ---- the command line ------------------------------------------------------------------- */

static bool parse(int argc, char **argv, struct args *a)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"--decode", &a->decodes},
                 {"--burned", &a->is_burned_in},
                 {"--flood", &a->floods},
                 {"--offer", &a->offers}};
    const char **const places[] = {&a->host, &a->port, &a->token};
    size_t n_places = 0;
    for (int i = 1; i < argc; i++) {
        bool is_known = false;
        for (size_t k = 0; k < sizeof flags / sizeof *flags; k++)
            if (strcmp(argv[i], flags[k].name) == 0)
                is_known = *flags[k].flag = true;
        if (is_known)
            continue;
        if (strcmp(argv[i], "--viewers") == 0 && i + 1 < argc)
            a->n_viewers = atoi(argv[++i]);
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            a->seconds = atof(argv[++i]);
        else if (argv[i][0] != '-' && n_places < 3)
            *places[n_places++] = argv[i];
        else
            return false;
    }
    return a->n_viewers >= 1 && a->n_viewers <= MAX_VIEWERS && a->seconds >= 0 &&
           (a->offers || n_places == 3);
}

int main(int argc, char **argv)
{
    struct args a = {.n_viewers = 1, .seconds = 10};
    enum exit_code code = DONE;
    int n = 0;
    if (!parse(argc, argv, &a)) {
        fprintf(stderr,
                "tool_console_viewer: [--viewers 1..%d] [--seconds S] [--decode] "
                "[--burned] [--flood] [--offer] HOST PORT TOKEN\n",
                MAX_VIEWERS);
        return USAGE;
    }
    gst_init(NULL, NULL);
    if (a.offers)
        return print_offer();
    struct viewer *const list = g_new0(struct viewer, MAX_VIEWERS);
    for (; n < a.n_viewers && code == DONE; n++)
        code = join(&list[n], &a);
    if (code != DONE)
        return code;
    stay(list, &a);
    for (int i = 0; i < n; i++)
        code = leave(&list[i]) == DONE ? code : REFUSED;
    g_free(list);
    return code;
}

#else
int main(void)
{
    fprintf(stderr, "tool_console_viewer: built without GStreamer\n");
    return 3;
}
#endif
