#pragma once

#include "tests/tools/program.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

// Books with a few transfers from cash to alice, for tests that do harm to their files.

namespace vouch::test {

extern const std::string kOpenCashAndAlice;

/// The command t`number`, a line.
std::string transfer(int number, const std::string& amount = "1.00");

using FileBytes = std::vector<char>;
FileBytes read_file(const std::filesystem::path& file);
void write_file(const std::filesystem::path& file, const FileBytes& bytes);

/// The log's first.
std::filesystem::path segment(const Program& program);
/// Where a segment's last block with anything in it begins: the last group, when it was small.
std::size_t last_block(const FileBytes& bytes);

/// The file that keeps where the log ends.
std::filesystem::path kept_ends(const Program& program);

/// New books: opens accounts and makes so many transfers, each told before the next, then is
/// killed; so soon that no mark is written, and nothing is kept yet of where the log ends.
void acknowledge_and_kill(const Program& program, int transfers,
                          const std::vector<std::string>& more = {});

/// New books of so many transfers, each a record of its own.
void record_one_by_one(const Program& program, int transfers);

/// Alice's.
std::string balance(const Program& program);

ProgramResult recover(const Program& program, const std::vector<std::string>& more = {});

/// What `recover` said that has to be given up of shard 0.
std::string named_loss(const ProgramResult& looked);

/// Shard 0's newest record: "5 DIGEST".
std::string newest_record(const Program& program);
/// So many records has shard 0.
std::size_t count_records(const Program& program);
/// What the event tail_lost tells: "RECORD known RECORD DIGEST", or without what is not known.
std::string told_loss(const Program& program);

bool has(const std::string& text, std::string_view part);

}  // namespace vouch::test
