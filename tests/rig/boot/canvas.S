# A guest that draws in every kind of a VGA's modes without the legacy ports and the window at 0xa0000, which
# not every machine passes on: it sets the registers through the display's BAR2 and draws into its BAR0.
#
# It takes orders of one letter from the second serial port, and answers each with a line "DONE x" when it is
# done with it. Frames are drawn 30 times a second until the next letter:
#   t  80 x 25 characters that scroll up by a line         p  640 x 480 in planes, 16 colours
#   b  1920 x 1080 of 256 colours                          w  1920 x 1080 of 32 bits
#   i  one frame as of w, and nothing more: the processor rests until the next letter
#   e  nothing
# Frames are numbered from 0 on. The number's low byte goes to I/O port 0xe9 when a frame is drawn, and then
# into the picture, as two of the sixteen colours, four bits each: of the first two letters of the line that
# was printed last, or of two squares of 16 x 16 in the upper left corner. The first 16 lines have nothing else.
#
# It is behind `loader.S`. Built by: as --32, ld -m elf_i386 -Ttext 0x7c00 --oformat binary

.set LINE, 0x2f8                    # the second serial port
.set SECTORS, 5
.set FONT, 0x9000                   # where the BIOS's letters are kept
.set HERTZ, 1193182 / 30            # of the clock that counts the frames
.set MARK, 16                       # pixels of a mark's side

start:                            # the BIOS's, 256 of 16 lines
    mov $0x1130, %ax
    mov $0x0600, %bx
    int $0x10
    cli
    push %es
    pop %ds
    mov %bp, %si
    xor %ax, %ax
    mov %ax, %es
    mov $FONT, %di
    mov $2048, %cx
    rep movsw
    mov %ax, %ds
    lgdt flat
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmp $8, $wide

.code32
wide:
    mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $0x7c00, %esp
    lidt interrupts
    mov $0x80000008, %ebx           # the class of the bus's first device
1:  call configuration
    shr $24, %eax
    cmp $3, %al                     # a display
    je 2f
    add $0x800, %ebx
    jmp 1b
2:  add $8, %ebx                    # BAR0
    call configuration
    and $-16, %eax
    mov %eax, screen
    add $8, %ebx                    # BAR2
    call configuration
    and $-16, %eax
    mov %eax, registers
    mov $controller, %esi           # the interrupts of clock and line come, by vectors of their own
1:  lodsw
    movzbl %al, %edx
    mov %ah, %al
    out %al, %dx
    cmp $last, %esi
    jb 1b
    mov $LINE + 1, %edx             # it interrupts when it has a letter
    mov $1, %al
    out %al, %dx
    mov $LINE + 4, %edx
    mov $0x0b, %al
    out %al, %dx
    mov $up, %esi
    call tell
next:
    call rest
    call order
    mov $orders, %esi
1:  cmpb $0, (%esi)
    je next
    cmp (%esi), %al
    je 2f
    add $9, %esi
    jmp 1b
2:  push %eax
    mov 5(%esi), %eax
    mov %eax, draw
    call *1(%esi)
    pop %eax
    mov %al, done + 5
    mov $done, %esi
    call tell
    jmp next

configuration:                      # a register of the bus, by ebx
    mov $0xcf8, %edx
    mov %ebx, %eax
    out %eax, %dx
    mov $0xcfc, %edx
    in %dx, %eax
    ret

order:                              # waits for a letter of the line
    cli
1:  call heard
    jnz 2f
    sti
    hlt
    cli
    jmp 1b
2:  mov $LINE, %edx
    in %dx, %al
    ret

heard:                              # whether the line has one
    mov $LINE + 5, %edx
    in %dx, %al
    test $1, %al
    ret

tell:                               # sends the line at esi
    mov $LINE + 5, %edx
1:  in %dx, %al
    test $0x20, %al
    jz 1b
    lodsb
    test %al, %al
    jz 2f
    mov $LINE, %edx
    out %al, %dx
    jmp tell
2:  ret

interrupt:
    incl ticks
    push %eax
    mov $0x20, %al
    out %al, $0x20
    pop %eax
    iret

rest:                               # the clock rings once more, and not again
    mov $0x30, %al
    out %al, $0x43
    mov $0xff, %al
    out %al, $0x40
    out %al, $0x40
    ret

frames:                             # one with each tick, until a letter comes
    mov $0x34, %al
    out %al, $0x43
    mov $HERTZ & 0xff, %al
    out %al, $0x40
    mov $HERTZ >> 8, %al
    out %al, $0x40
    xor %ebx, %ebx
1:  mov ticks, %eax
2:  sti
    hlt
    cmp ticks, %eax
    je 2b
    call *draw
    inc %ebx
    call heard
    jz 1b
    ret

stamp:                              # frame ebx is drawn
    mov %bl, %al
    out %al, $0xe9
    ret

text:
    mov $characters, %esi
    call vga
    mov $FONT, %esi                 # into plane 2: letters of 32 lines, of which 16 are used
    mov screen, %edi
    mov $256, %ecx
1:  mov $16, %edx
2:  lodsb
    mov %al, 2(%edi)
    add $4, %edi
    dec %edx
    jnz 2b
    add $64, %edi
    dec %ecx
    jnz 1b
    jmp frames

planes:
    mov $sixteen, %esi
    call vga
    jmp frames

bytes:
    mov $8, %ecx
    call bochs
    jmp frames

words:
    mov $32, %ecx
    call bochs
    jmp frames

still:
    mov $32, %ecx
    call bochs
    xor %ebx, %ebx
    jmp *draw

nothing:
    ret

vga:                                # sets the mode at esi
    mov registers, %ebp
    movw $0, 0x508(%ebp)            # no bochs mode
    lodsb
    mov %al, 0x402(%ebp)
    mov $0x404, %edx
    mov $5, %ecx
    call indexed
    movb $0x11, 0x414(%ebp)         # what it protects is to be written
    movb $0, 0x415(%ebp)
    mov $0x414, %edx
    mov $25, %ecx
    call indexed
    mov $0x40e, %edx
    mov $9, %ecx
    call indexed
    mov 0x41a(%ebp), %al
    xor %ecx, %ecx
1:  mov %cl, 0x400(%ebp)            # its sixteen colours are those of the DAC
    mov %cl, %al
    cmp $16, %cl
    jb 2f
    lodsb
2:  mov %al, 0x400(%ebp)
    inc %ecx
    cmp $21, %ecx
    jne 1b
    mov screen, %edi
    mov $0x10000, %ecx
    xor %eax, %eax
    rep stosl
    jmp colours

indexed:                            # so many registers of a part
    add %ebp, %edx
    xor %ebx, %ebx
1:  lodsb
    mov %bl, (%edx)
    mov %al, 1(%edx)
    inc %ebx
    cmp %ecx, %ebx
    jne 1b
    ret

bochs:                              # 1920 x 1080 of so many bits
    mov registers, %ebp
    movw $0, 0x508(%ebp)
    movw $1920, 0x502(%ebp)
    movw $1080, 0x504(%ebp)
    mov %cx, 0x506(%ebp)
    movw $0x41, 0x508(%ebp)
colours:                            # sixteen, and the screen is switched on
    movb $0xff, 0x406(%ebp)
    movb $0, 0x408(%ebp)
    mov $palette, %esi
    mov $48, %ecx
1:  lodsb
    mov %al, 0x409(%ebp)
    dec %ecx
    jnz 1b
    mov 0x41a(%ebp), %al
    movb $0x20, 0x400(%ebp)
    ret

scroll:                             # all but the last line, which stays empty
    mov screen, %edi
    xor %ecx, %ecx
1:  mov 80 * 4(%edi, %ecx, 4), %ax
    mov %ax, (%edi, %ecx, 4)
    inc %ecx
    cmp $80 * 23, %ecx
    jne 1b
    lea 80 * 4 * 23(%edi), %edi
    xor %ecx, %ecx
2:  lea (%ebx, %ecx), %eax          # letters and digits one after the other, another one first in each line
    and $0x3f, %eax
    add $0x0720, %eax
    mov %ax, (%edi, %ecx, 4)
    inc %ecx
    cmp $80, %ecx
    jne 2b
    call stamp
    mov %bl, %ah                    # blocks of two colours
    shr $4, %ah
    mov $0xdb, %al
    mov %ax, (%edi)
    mov %bl, %ah
    and $15, %ah
    mov %ax, 4(%edi)
    ret

sheets:                             # of what the colours at edx, ebp words a line, ecx lines, esi words a mark
    push %esi
    push %edx
    mov %ebp, %eax
    imul $MARK * 4, %eax, %edi
    add screen, %edi
    mov %ecx, %esi
1:  imul $0x9e3779b1, %esi, %eax    # each line of another value than any of the last frame's: nothing only moves
    imul $0x85ebca6b, %ebx, %edx
    xor %edx, %eax
    mov %ebp, %ecx
    rep stosl
    dec %esi
    jnz 1b
    call stamp
    pop %edx
    pop %esi
    mov $MARK, %eax
    mov screen, %edi
2:  push %eax
    push %edi
    mov %ebx, %eax
    shr $4, %eax
    and $15, %eax
    mov (%edx, %eax, 4), %eax
    mov %esi, %ecx
    rep stosl
    mov %ebx, %eax
    and $15, %eax
    mov (%edx, %eax, 4), %eax
    mov %esi, %ecx
    rep stosl
    pop %edi
    lea (%edi, %ebp, 4), %edi
    pop %eax
    dec %eax
    jnz 2b
    ret

sheet_of_planes:
    mov $80, %ebp
    mov $480 - MARK, %ecx
    mov $MARK / 8, %esi
    mov $in_planes, %edx
    jmp sheets
sheet_of_bytes:
    mov $1920 / 4, %ebp
    mov $1080 - MARK, %ecx
    mov $MARK / 4, %esi
    mov $in_bytes, %edx
    jmp sheets
sheet_of_words:
    mov $1920, %ebp
    mov $1080 - MARK, %ecx
    mov $MARK, %esi
    mov $in_words, %edx
    jmp sheets

    .balign 8
segments:                           # code and data without limits
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
flat:
    .word flat - segments - 1
    .long segments
interrupts:
    .word 0x28 * 8 - 1
    .long vectors
    .balign 8
vectors:
    .fill 0x20, 8, 0
    .rept 8
    .word interrupt, 8, 0x8e00, 0
    .endr
controller:                         # ports of the interrupt controllers, with what is written
    .byte 0x20, 0x11, 0x21, 0x20, 0x21, 4, 0x21, 1
    .byte 0xa0, 0x11, 0xa1, 0x28, 0xa1, 2, 0xa1, 1
    .byte 0x21, 0xf6, 0xa1, 0xff
last:
screen: .long 0
registers: .long 0
ticks:  .long 0
draw:   .long 0
up:     .asciz "STATE up\n"
done:   .asciz "DONE ?\n"
characters:                         # misc, sequencer, CRT controller, graphics, the rest of attribute
    .byte 0x67, 3, 0, 3, 0, 2
    .byte 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0, 0x4f, 0x2d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e
    .byte 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff
    .byte 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff
    .byte 0x0c, 0, 0x0f, 8, 0
sixteen:
    .byte 0xe3, 3, 1, 0x0f, 0, 6
    .byte 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xea, 0x8c
    .byte 0xdf, 0x28, 0, 0xe7, 0x04, 0xe3, 0xff
    .byte 0, 0, 0, 0, 0, 0, 5, 0x0f, 0xff
    .byte 1, 0, 0x0f, 0, 0
palette:                            # the usual sixteen, six bits a colour; dark yellow is brown
    .byte 0, 0, 0, 0, 0, 42, 0, 42, 0, 0, 42, 42, 42, 0, 0, 42, 0, 42, 42, 21, 0, 42, 42, 42
    .byte 21, 21, 21, 21, 21, 63, 21, 63, 21, 21, 63, 63, 63, 21, 21, 63, 21, 63, 63, 63, 21, 63, 63, 63
    .balign 4
in_words:                           # the same as words
    .long 0, 0xa8, 0xa800, 0xa8a8, 0xa80000, 0xa800a8, 0xa85700, 0xa8a8a8
    .long 0x575757, 0x5757ff, 0x57ff57, 0x57ffff, 0xff5757, 0xff57ff, 0xffff57, 0xffffff
in_planes:                          # eight pixels of each
    .irp colour, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    .long (\colour & 1) * 0xff | (\colour >> 1 & 1) * 0xff00 | (\colour >> 2 & 1) * 0xff0000 | (\colour >> 3) * 0xff000000
    .endr
in_bytes:                           # four
    .irp colour, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    .long \colour * 0x01010101
    .endr
orders:                             # a letter, what is done, what draws a frame
    .byte 't'
    .long text, scroll
    .byte 'p'
    .long planes, sheet_of_planes
    .byte 'b'
    .long bytes, sheet_of_bytes
    .byte 'w'
    .long words, sheet_of_words
    .byte 'i'
    .long still, sheet_of_words
    .byte 'e'
    .long nothing, nothing
    .byte 0
    .org 512 * SECTORS - 1
    .byte 0
