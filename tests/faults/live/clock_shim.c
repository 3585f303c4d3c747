/* A wall clock that can be set for a few processes only: preload this, and CLOCK_REALTIME reads what the kernel says plus
 * the number of nanoseconds (an int64) in the file that OUTRIDER_CLOCK_OFFSET names. The file is mapped: whoever writes it
 * moves the clock of every process that has it, at once.
 *
 * Programs that read the clock without libc (rustix) call the kernel's vDSO. So it is the vDSO's own function that is
 * replaced, in this process's copy of the page: libc, libstdc++ and such programs all come by here. Waits until a wall
 * clock time are given the kernel's time again; a jump does not shorten or lengthen a wait that has begun.
 *
 *   cc -shared -fPIC -O2 -o clock_shim.so clock_shim.c -ldl
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_ns;

static void shift(struct timespec *t, int64_t by_ns) {
    int64_t s = by_ns / 1000000000, ns = t->tv_nsec + by_ns % 1000000000;
    if (ns < 0) { ns += 1000000000; s -= 1; }
    if (ns >= 1000000000) { ns -= 1000000000; s += 1; }
    t->tv_sec += s;
    t->tv_nsec = ns;
}

static int moved_clock_gettime(clockid_t id, struct timespec *t) {
    long result;
#if defined(__x86_64__)
    __asm__ volatile("syscall" : "=a"(result) : "0"((long)SYS_clock_gettime), "D"((long)id), "S"(t) : "rcx", "r11", "memory");
#else
    register long x8 __asm__("x8") = SYS_clock_gettime, x0 __asm__("x0") = id;
    register void *x1 __asm__("x1") = t;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
    result = x0;
#endif
    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) shift(t, *offset_ns);
    return (int)result;
}

static int moved_gettimeofday(struct timeval *t, void *zone) {
    struct timespec now;
    (void)zone;
    if (t && moved_clock_gettime(CLOCK_REALTIME, &now) == 0) {
        t->tv_sec = now.tv_sec;
        t->tv_usec = now.tv_nsec / 1000;
    }
    return 0;
}

static time_t moved_time(time_t *out) {
    struct timespec now = {0};
    moved_clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}

static void refuse(const char *why) {
    fprintf(stderr, "clock_shim: %s\n", why);
    _exit(97);
}

/* Writes a jump to `to` over the function at `from`. */
static void redirect(unsigned char *from, void *to) {
#if defined(__x86_64__)
    unsigned char jump[12] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0}; /* mov rax, to; jmp rax */
    memcpy(jump + 2, &to, 8);
#elif defined(__aarch64__)
    unsigned char jump[16] = {0x50, 0, 0, 0x58, 0, 0x02, 0x1f, 0xd6}; /* ldr x16, 8; br x16 */
    memcpy(jump + 8, &to, 8);
#else
#error "not written for this processor"
#endif
    memcpy(from, jump, sizeof jump);
    __builtin___clear_cache((char *)from, (char *)from + sizeof jump);
}

static void replace_vdso(void) {
    unsigned char *base = (unsigned char *)getauxval(AT_SYSINFO_EHDR);
    if (!base) refuse("no vDSO");
    Elf64_Ehdr *header = (Elf64_Ehdr *)base;
    Elf64_Phdr *parts = (Elf64_Phdr *)(base + header->e_phoff);
    Elf64_Dyn *dynamic = NULL;
    size_t size = 0, bias = 0;
    for (int i = 0; i < header->e_phnum; i++) {
        if (parts[i].p_type == PT_DYNAMIC) dynamic = (Elf64_Dyn *)(base + parts[i].p_offset);
        if (parts[i].p_type == PT_LOAD) {
            bias = parts[i].p_offset - parts[i].p_vaddr;
            size = parts[i].p_offset + parts[i].p_memsz;
        }
    }
    Elf64_Sym *symbols = NULL;
    const char *names = NULL;
    for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
        if (dynamic->d_tag == DT_SYMTAB) symbols = (Elf64_Sym *)(base + dynamic->d_un.d_ptr + bias);
        if (dynamic->d_tag == DT_STRTAB) names = (const char *)(base + dynamic->d_un.d_ptr + bias);
    }
    if (!symbols || !names) refuse("the vDSO has no symbols");
    size_t page = (size_t)sysconf(_SC_PAGESIZE), length = (size + page - 1) / page * page;
    if (mprotect(base, length, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) refuse("the vDSO cannot be written (sealed?)");
    int replaced = 0;
    /* The string table follows the symbols. */
    for (Elf64_Sym *s = symbols; (const char *)s < names; s++) {
        const char *name = names + s->st_name;
        unsigned char *at = base + s->st_value + bias;
        if (!strcmp(name, "__vdso_clock_gettime") || !strcmp(name, "__kernel_clock_gettime")) {
            redirect(at, (void *)moved_clock_gettime);
            replaced++;
        } else if (!strcmp(name, "__vdso_gettimeofday") || !strcmp(name, "__kernel_gettimeofday")) {
            redirect(at, (void *)moved_gettimeofday);
        } else if (!strcmp(name, "__vdso_time")) {
            redirect(at, (void *)moved_time);
        }
    }
    mprotect(base, length, PROT_READ | PROT_EXEC);
    if (replaced != 1) refuse("the vDSO has no clock_gettime");
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("OUTRIDER_CLOCK_OFFSET");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) refuse("OUTRIDER_CLOCK_OFFSET names no file");
    void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) refuse("the offset cannot be mapped");
    close(file);
    offset_ns = page;
    replace_vdso();
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    static int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!next) next = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!next) next = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    struct timespec kernels = *until;
    /* A condition may have been made for the monotonic clock, where times are small; wall clock times are after 2001. */
    if (kernels.tv_sec > 1000000000) shift(&kernels, -*offset_ns);
    return next(condition, mutex, &kernels);
}
