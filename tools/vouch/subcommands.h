#pragma once

#include "tools/server/places/data_directory.h"
#include "tools/vouch/exit_code.h"

#include <functional>
#include <string>

namespace CLI {
class App;
}

namespace vouch::cli {

/// Adds its subcommand, or several, to the program; `exit` becomes what the process ends with when
/// it is chosen.
using AddSubcommand = void(CLI::App& app, ExitCode& exit);
AddSubcommand add_serve, add_status, add_submit, add_account, add_balance, add_statement,
    add_command_questions, add_pending, add_trial_balance, add_replay, add_export, add_head,
    add_backup, add_recover, add_keys;

/// In the order of the help.
inline constexpr AddSubcommand* kSubcommands[] = {
    add_serve, add_status, add_submit, add_account, add_balance, add_statement,
    add_command_questions, add_pending, add_trial_balance, add_replay, add_export, add_head,
    add_backup, add_recover, add_keys};

/// --data and --passphrase-file, which every subcommand that opens books has.
void add_data_options(CLI::App& subcommand, places::DataOptions& data);
/// --accept-clock, of what writes.
void add_clock_option(CLI::App& subcommand, places::DataOptions& data);
/// --kafka, --name and the replication of new topics.
void add_kafka_options(CLI::App& subcommand, places::DataOptions& data);
/// --data or --http, one of them, and --passphrase-file; the group that holds the two.
CLI::App* add_place_options(CLI::App& subcommand, places::DataOptions& data, std::string& http);
void add_passphrase_option(CLI::App& subcommand, places::DataOptions& data);

/// Reads the command line, runs the subcommand. Exceptions of libraries end here.
int run_program(int argc, const char* const* argv);

}  // namespace vouch::cli
