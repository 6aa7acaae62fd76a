// What a pod's sandbox runs: nothing, until it is told to end. As the first process of its PID namespace it ends by no
// signal that it does not handle.
#include <signal.h>
#include <unistd.h>

static void leave(int signal) {
  (void)signal;
  _exit(0);
}

int main(void) {
  signal(SIGTERM, leave);
  signal(SIGINT, leave);
  for (;;) pause();
}
