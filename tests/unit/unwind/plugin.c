/* SPDX-License-Identifier: MIT */
/* A plugin whose one function has a frame of FRAME bytes. Two builds with
 * different FRAMEs have the same addresses and different unwind rules; a TWIN
 * has the same of both, and is another file. */
#ifdef TWIN
const char plugin_is_a_twin[] = "twin";
#endif
#define TEXT_OF(x)  #x
#define TEXT(x)     TEXT_OF(x)
#define FRAME_BYTES TEXT(FRAME)

__asm__(".text\n"
        ".globl plugin_call\n"
        ".type plugin_call, @function\n"
        "plugin_call:\n"
        ".cfi_startproc\n"
        ".byte 0x48, 0x81, 0xec; .long " FRAME_BYTES "\n" /* sub $FRAME, %rsp */
        ".cfi_adjust_cfa_offset " FRAME_BYTES "\n"
        "call *%rdi\n"
        ".byte 0x48, 0x81, 0xc4; .long " FRAME_BYTES "\n" /* add $FRAME, %rsp */
        ".cfi_adjust_cfa_offset -" FRAME_BYTES "\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size plugin_call, . - plugin_call\n");
