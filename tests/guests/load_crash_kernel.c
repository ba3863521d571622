/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load-crash-kernel VMLINUZ COMMAND_LINE: puts a crash kernel without initramfs into the memory
 * that crashkernel= reserved. A panic then starts it, and the kernel counts as crash-loaded.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s VMLINUZ COMMAND_LINE\n", argv[0]);
    return 2;
  }
  int kernel = open(argv[1], O_RDONLY | O_CLOEXEC);
  if (kernel < 0) {
    perror(argv[1]);
    return 1;
  }
  unsigned long flags = KEXEC_FILE_ON_CRASH | KEXEC_FILE_NO_INITRAMFS;
  if (syscall(SYS_kexec_file_load, kernel, -1, strlen(argv[2]) + 1, argv[2], flags) != 0) {
    perror("kexec_file_load (is crashkernel= large enough?)");
    return 1;
  }
  return 0;
}
