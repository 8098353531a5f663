# A guest that is on the screen a second after it was switched on: it knows the firmware's video modes, draws in
# each, and tells which keys the firmware's keyboard driver saw.
#
# It takes orders of one letter from the second serial port and answers each with a line:
#   t  text, 80 columns (BIOS mode 03h)          g  320 x 200 of 256 colours (13h)
#   p  640 x 480 in planes, 16 colours (12h)     v  1024 x 768 of 32 bits (VBE 144h)
#   s  a line of text at each tick of the clock, the screen scrolls, until the next letter. The lines are
#      numbered from 0 on: the number's low byte goes to I/O port 0xe9 before the line is printed, and
#      is shown by the colours of its first two letters, four bits each
# "KEY XX" is sent for each key that is pressed, with its scan code in hexadecimal.
#
# It is behind `loader.S`. Built by: as --32, ld -m elf_i386 -Ttext 0x7c00 --oformat binary

.set SECTORS, 4
.set LINE, 0x2f8                    # the second serial port
.set TICKS, 0x46c                   # where the BIOS counts the clock's ticks

start:
    mov $up, %si
    call tell
    call text
next:
    hlt                             # the clock wakes up 18 times a second, a key at once
    mov $LINE + 5, %dx
    in %dx, %al
    test $1, %al
    jz keys
    mov $LINE, %dx
    in %dx, %al
    mov $orders, %si
1:  cmpb $0, (%si)
    je next
    cmp (%si), %al
    je 2f
    add $3, %si
    jmp 1b
2:  mov %al, done + 5
    call *1(%si)
    mov $done, %si
    call tell
    jmp next
keys:
    mov $0x01, %ah
    int $0x16
    jz next
    mov $0x00, %ah
    int $0x16
    mov %ah, %al
    shr $4, %al
    call hex
    mov %al, key + 4
    mov %ah, %al
    and $15, %al
    call hex
    mov %al, key + 5
    mov $key, %si
    call tell
    jmp next

hex:                                # a number below 16 in al becomes its letter
    cmp $10, %al
    jb 1f
    add $'a' - '0' - 10, %al
1:  add $'0', %al
    ret

tell:                               # sends the line at si
    mov $LINE + 5, %dx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    lodsb
    test %al, %al
    jz 2f
    mov $LINE, %dx
    out %al, %dx
    jmp tell
2:  ret

text:                               # every character in every colour; the cursor is hidden
    mov $0x0003, %ax
    int $0x10
    mov $0x01, %ah
    mov $0x2000, %cx
    int $0x10
    mov $0xb800, %ax
    mov %ax, %es
    xor %di, %di
    xor %bx, %bx
1:  mov %bl, %al
    mov %bl, %ah
    and $0x7f, %ah                  # the eighth bit of a colour blinks
    stosw
    inc %bx
    cmp $80 * 25, %bx
    jne 1b
    ret

bytes:                              # pixel = (x + y) modulo 256
    mov $0x0013, %ax
    int $0x10
    mov $0xa000, %ax
    mov %ax, %es
    xor %di, %di
    xor %bx, %bx
1:  xor %cx, %cx
2:  mov %cx, %ax
    add %bx, %ax
    stosb
    inc %cx
    cmp $320, %cx
    jne 2b
    inc %bx
    cmp $200, %bx
    jne 1b
    ret

planes:                             # a plane has one bit in 8 << plane columns: bars of all 16 colours
    mov $0x0012, %ax
    int $0x10
    mov $0xa000, %ax
    mov %ax, %es
    xor %bx, %bx
1:  mov $0x0102, %ax
    mov %bl, %cl
    shl %cl, %ah
    mov $0x3c4, %dx
    out %ax, %dx
    xor %di, %di
    mov $480, %si
2:  xor %dx, %dx
3:  mov %dx, %ax
    shr %cl, %ax
    and $1, %al
    neg %al
    stosb
    inc %dx
    cmp $80, %dx
    jne 3b
    dec %si
    jnz 2b
    inc %bx
    cmp $4, %bx
    jne 1b
    ret

colours:                            # every pixel another colour
    mov $0x4f02, %ax
    mov $0x144, %bx
    int $0x10
    mov $0xa000, %ax
    mov %ax, %es
    xor %dx, %dx
1:  push %dx
    mov $0x4f05, %ax
    xor %bx, %bx
    int $0x10
    pop %dx
    xor %di, %di
    mov $0x4000, %cx
2:  movzwl %dx, %eax
    shl $16, %eax
    mov %di, %ax
    imul $0x9e3b1, %eax, %eax
    stosl
    dec %cx
    jnz 2b
    inc %dx
    cmp $48, %dx
    jne 1b
    ret

scroll:
    mov $0x0003, %ax
    int $0x10
    mov $0x01, %ah                  # no cursor
    mov $0x2000, %cx
    int $0x10
    mov $0x02, %ah                  # begins on the last line
    mov $0x00, %bh
    mov $24 << 8, %dx
    int $0x10
    mov $0xb800, %ax
    mov %ax, %es
    xor %cx, %cx
1:  mov TICKS, %bx
2:  hlt
    cmp TICKS, %bx
    je 2b
    mov %cl, %al
    out %al, $0xe9
    mov $words, %si
3:  lodsb
    test %al, %al
    jz 4f
    mov $0x0e, %ah
    mov $7, %bx
    int $0x10
    jmp 3b
4:  mov %cl, %ah                    # blocks of two colours, on the line that is now the last but one
    shr $4, %ah
    mov $0xdb, %al
    mov %ax, %es:160 * 23
    mov %cl, %ah
    and $15, %ah
    mov %ax, %es:160 * 23 + 2
    inc %cx
    mov $LINE + 5, %dx
    in %dx, %al
    test $1, %al
    jz 1b
    ret

up:     .asciz "STATE up\n"
done:   .asciz "DONE ?\n"
key:    .asciz "KEY ??\n"
words:  .asciz "## a line of a text that scrolls past, as a long build prints it\r\n"
orders:
    .byte 't'
    .word text
    .byte 'g'
    .word bytes
    .byte 'p'
    .word planes
    .byte 'v'
    .word colours
    .byte 's'
    .word scroll
    .byte 0
    .org 0x800 - 1
    .byte 0
