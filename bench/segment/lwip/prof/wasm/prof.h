/* In a module the marks, and what leaves, are imports: the same ones as Linger's. */
#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
IMPORT("env", "prof_start") void prof_start(void);
IMPORT("env", "prof_stop") void prof_stop(void);
IMPORT("env", "arrived") void arrived(const void *frame, u32_t octets);
IMPORT("hal", "transmit") int hal_transmit(const void *frame, u32_t octets);
#define PROF_START() prof_start()
#define PROF_STOP() prof_stop()
#define EXPORT(name) __attribute__((export_name(name)))
