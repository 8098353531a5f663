# A Linux program for a guest: reserve KERNEL ARCHIVE LINE
#
# Gives the kernel that runs another one, with its first root file system and its command line, which takes
# over when the first one crashes (kexec_file_load). Exit status: 0, or the number of the system's error.

        .globl _start
        .text
_start:
        mov     $2, %eax                # open(KERNEL, O_RDONLY)
        mov     16(%rsp), %rdi
        xor     %esi, %esi
        syscall
        test    %rax, %rax
        js      failed
        mov     %rax, %r12
        mov     $2, %eax                # open(ARCHIVE, O_RDONLY)
        mov     24(%rsp), %rdi
        xor     %esi, %esi
        syscall
        test    %rax, %rax
        js      failed
        mov     %rax, %rsi
        mov     32(%rsp), %r10
        mov     %r10, %rdx              # the line's bytes, with the zero at its end
length: inc     %rdx
        cmpb    $0, -1(%rdx)
        jne     length
        sub     %r10, %rdx
        mov     %r12, %rdi
        mov     $2, %r8d                # KEXEC_FILE_ON_CRASH
        mov     $320, %eax              # kexec_file_load
        syscall
failed: neg     %rax
        mov     %rax, %rdi
        mov     $60, %eax               # exit
        syscall
