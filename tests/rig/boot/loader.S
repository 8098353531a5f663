# The first sector of a disk: loads the others behind itself, of which the program says how many there are
# (SECTORS, with this one), and goes on at its `start`.

.code16
.globl _start
_start:
    cli
    xor %ax, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0x7c00, %sp
    sti
    cld
    mov $0x0200 + SECTORS - 1, %ax  # from the second sector on
    mov $0x0002, %cx
    mov $0, %dh
    mov $0x7e00, %bx
    int $0x13
    jmp start
    .org 510
    .word 0xaa55

