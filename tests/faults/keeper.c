/* Keeps FastCGI processes on one unix socket, as a service manager would: holds the socket itself,
 * starts another process for each that ends, and ends them all with itself.
 *
 *   keeper SOCKET PROCESSES [KILL-MS] PROGRAM
 *
 *   KILL-MS   SIGKILL one of them, whichever but the first, every so many milliseconds on average
 *   SIGUSR1   SIGTERM to each of them, which are replaced at once
 *   SIGUSR2   begins the killing, or ends it
 *   SIGTERM   SIGTERM to each of them; ends when they have ended, and prints how many were killed
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX 64

static char *program;
static pid_t processes[PROCESSES_MAX];
static size_t n_processes;
static bool told; /* to stop, now or before they were replaced */

static void start(pid_t *process)
{
    char *arguments[] = {program, NULL};
    sigset_t none;

    *process = fork();
    if (*process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* who looks for the keeper by its name finds this process too, until it has another */
        signal(SIGUSR1, SIG_IGN);
        signal(SIGUSR2, SIG_IGN);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execv(program, arguments);
        perror(program);
        _exit(127);
    }
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (strlen(path) >= sizeof(address.sun_path))
        return -1;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 1024) == 0
               ? fd
               : -1;
}

static void stop_all(void)
{
    told = true;
    for (size_t i = 0; i < n_processes; i++)
        if (processes[i] > 0)
            kill(processes[i], SIGTERM);
}

static size_t reap(bool again)
{
    size_t left = 0;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        /* told to stop before it could listen to that is no accident */
        if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL &&
            !(told && WTERMSIG(status) == SIGTERM))
            fprintf(stderr, "keeper: '%s' died of signal %d\n", program, WTERMSIG(status));
        for (size_t i = 0; i < n_processes; i++)
            if (processes[i] == pid) {
                processes[i] = 0;
                if (again)
                    start(&processes[i]);
            }
    }
    for (size_t i = 0; i < n_processes; i++)
        left += processes[i] > 0;
    return left;
}

int main(int argc, char **argv)
{
    unsigned dice = (unsigned)time(NULL) ^ (unsigned)getpid();
    long every = argc == 5 ? strtol(argv[3], NULL, 10) : 0, killed = 0;
    bool ending = false, killing = false;
    sigset_t awaited;

    if (argc < 4 || argc > 5)
        return 2;
    n_processes = (size_t)strtol(argv[2], NULL, 10);
    program = argv[argc - 1];
    if (n_processes < 1 || n_processes > PROCESSES_MAX || (every && n_processes < 2) ||
        dup2(listen_on(argv[1]), 0) != 0) {
        perror("keeper");
        return 1;
    }
    for (int fd = 3; fd < 16; fd++)
        close(fd);
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGTERM);
    sigaddset(&awaited, SIGUSR1);
    sigaddset(&awaited, SIGUSR2);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
    for (size_t i = 0; i < n_processes; i++)
        start(&processes[i]);
    while (reap(!ending) || !ending) {
        long ms = killing ? 1 + rand_r(&dice) % (2 * every) : 60000;
        struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
        int number = sigtimedwait(&awaited, NULL, &wait);
        if (number == SIGTERM) {
            ending = true;
            killing = false;
            stop_all();
        } else if (number == SIGUSR1) {
            stop_all();
        } else if (number == SIGUSR2) {
            killing = every && !killing;
        } else if (number < 0 && errno == EAGAIN && killing) {
            pid_t victim = processes[1 + (size_t)rand_r(&dice) % (n_processes - 1)];
            if (victim > 0 && kill(victim, SIGKILL) == 0)
                killed++;
        }
    }
    printf("%ld\n", killed);
    return 0;
}
