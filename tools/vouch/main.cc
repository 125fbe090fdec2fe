#include "tools/vouch/subcommands.h"

int main(int argc, char** argv) { return vouch::cli::run_program(argc, argv); }
