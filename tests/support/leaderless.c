// A process whose main thread has ended while another one lives and holds memory: its own /proc files look like a
// zombie's.
//   leaderless PROCS_FILE SIZE_MB
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static pthread_t leader;

static void *work(void *argument) {
  size_t size = *(size_t *)argument;
  pthread_join(leader, NULL);
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (size_t at = 0; at < size; at += 4096) memory[at] = 1;
  printf("%d\n", getpid());
  fflush(stdout);
  for (;;) pause();
}

int main(int argc, char **argv) {
  static size_t size;
  if (argc != 3) return 2;
  FILE *procs = fopen(argv[1], "w");
  if (!procs || fprintf(procs, "%d", getpid()) < 0 || fclose(procs)) { perror(argv[1]); return 2; }
  size = strtoull(argv[2], NULL, 10) << 20;
  leader = pthread_self();
  pthread_t worker;
  pthread_create(&worker, NULL, work, &size);
  pthread_exit(NULL);
}
