// Stops one thread, and lets the others of its process run.
//   wedge TID [SECONDS]
// Prints "wedged" when the thread stands still. It goes on after SECONDS, or when this program ends, however it ends.
// Ends with the thread, which could not be gone for its parent before its tracer has seen it die.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what) {
  fprintf(stderr, "wedge: %s: %s\n", what, strerror(errno));
  return 1;
}

static void leave(int signal_number) {
  (void)signal_number;
  _exit(0);
}

int main(int argc, char **argv) {
  if (argc < 2 || argc > 3) {
    fprintf(stderr, "usage: wedge TID [SECONDS]\n");
    return 2;
  }
  pid_t thread = atoi(argv[1]);
  int status;
  if (ptrace(PTRACE_SEIZE, thread, 0, 0)) return fail("PTRACE_SEIZE");
  if (ptrace(PTRACE_INTERRUPT, thread, 0, 0)) return fail("PTRACE_INTERRUPT");
  if (waitpid(thread, &status, __WALL) != thread) return fail("waitpid");
  if (!WIFSTOPPED(status)) {
    fprintf(stderr, "wedge: the thread ended\n");
    return 1;
  }
  printf("wedged\n");
  fflush(stdout);
  signal(SIGALRM, leave);
  if (argc == 3) alarm(atoi(argv[2]));
  while (waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status));
  return 0;
}
