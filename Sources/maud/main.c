/* Embedded Swift has no CommandLine: main() is C, everything else is Swift. */
int maud_main(int argc, const char *const *argv);
int main(int argc, char **argv) { return maud_main(argc, (const char *const *)argv); }
