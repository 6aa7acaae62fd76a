// Streams a file slowly in each of many cgroups, so that all of them hover at their limit, full of page cache.
//   stream TOP_DIRECTORY PREFIX COUNT FILE BYTES_OF_EACH BYTES_PER_SECOND
// The process in cgroup PREFIX-N reads its own BYTES_OF_EACH of FILE, round and round; the first rounds at full speed, as a guard may
// drop what the first one has read.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#define CHUNK (64 << 10)
#define FAST_ROUNDS 4

static void stream(const char *file, off_t from, off_t size, double per_second) {
  static char buffer[CHUNK];
  int fd = open(file, O_RDONLY);
  if (fd < 0) { perror(file); _exit(2); }
  posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
  for (off_t at = 0;; at += CHUNK) {
    if (pread(fd, buffer, CHUNK, from + at % size) < 0) _exit(2);
    if (at >= FAST_ROUNDS * size) usleep(CHUNK / per_second * 1e6);
  }
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  for (int i = 0; i < atoi(argv[3]); i++) {
    if (fork() != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char path[4096];
    snprintf(path, sizeof path, "%s/%s-%d/cgroup.procs", argv[1], argv[2], i);
    FILE *procs = fopen(path, "w");
    if (!procs || fprintf(procs, "%d", getpid()) < 0 || fclose(procs)) { perror(path); _exit(2); }
    off_t size = atoll(argv[5]);
    stream(argv[4], i * size, size, atof(argv[6]));
  }
  for (;;) pause();
}
