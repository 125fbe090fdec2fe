#pragma once

#include "tools/vouch/data_directory.h"
#include "tools/vouch/exit_code.h"

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace vouch::cli {

/// Each adds its subcommand to the program. When it is chosen, `exit` becomes what the process ends
/// with.
void add_serve(CLI::App& app, ExitCode& exit);
void add_status(CLI::App& app, ExitCode& exit);
void add_submit(CLI::App& app, ExitCode& exit);
void add_account(CLI::App& app, ExitCode& exit);
void add_balance(CLI::App& app, ExitCode& exit);
void add_statement(CLI::App& app, ExitCode& exit);
void add_entry(CLI::App& app, ExitCode& exit);
void add_hold(CLI::App& app, ExitCode& exit);
void add_outcome(CLI::App& app, ExitCode& exit);
void add_trial_balance(CLI::App& app, ExitCode& exit);
void add_replay(CLI::App& app, ExitCode& exit);
void add_export(CLI::App& app, ExitCode& exit);
void add_recover(CLI::App& app, ExitCode& exit);
void add_keys(CLI::App& app, ExitCode& exit);

/// --data and --passphrase-file, which every subcommand that opens books has.
void add_data_options(CLI::App& subcommand, DataOptions& data);
/// --accept-clock, of what writes.
void add_clock_option(CLI::App& subcommand, DataOptions& data);
/// --kafka, --name and the replication of new topics.
void add_kafka_options(CLI::App& subcommand, DataOptions& data);
/// --data or --http, one of them, and --passphrase-file.
void add_place_options(CLI::App& subcommand, DataOptions& data, std::string& http);
void add_passphrase_option(CLI::App& subcommand, DataOptions& data);

/// Reads the command line, runs the subcommand. Exceptions of libraries end here.
int run_program(int argc, const char* const* argv);

}  // namespace vouch::cli
