#include "command-handler/intake/field_reader.h"

#include "command-handler/intake/time_text.h"
#include "events/money/text_ids.h"

namespace vouch::command_handler {

namespace {

std::optional<Balancing> parse_balancing(std::string_view text) {
    if (text == "debit") return Balancing::debit;
    if (text == "credit") return Balancing::credit;
    if (text == "both") return Balancing::both;
    return std::nullopt;
}

}  // namespace

std::string at_most_bytes(std::size_t bytes) {
    return "at most " + std::to_string(bytes) + " bytes";
}

bool FieldReader::fail(std::string field, std::string detail, Outcome outcome) {
    fault_ = Malformed{outcome, std::move(field), std::move(detail)};
    return false;
}

bool FieldReader::fail(Field field, std::string detail) {
    return fail(std::string(to_text(field)), std::move(detail));
}

bool FieldReader::text(Field field, std::size_t bytes_max, std::string_view& out) {
    out = raw_.text(field);
    return out.size() <= bytes_max || fail(field, at_most_bytes(bytes_max));
}

bool FieldReader::account(Field field, AccountId& out) {
    if (!raw_.has(field)) return true;
    const std::optional<TextId> id = parse_account_id(raw_.text(field), ledger_);
    if (!id) return fail(field, std::string(kIdExpected));
    out = AccountId(id->high, id->low);
    return true;
}

bool FieldReader::command_id(Field field, CommandId& out) {
    const std::optional<TextId> id = parse_command_id(raw_.text(field));
    if (!id) return fail(field, std::string(kIdExpected));
    out = CommandId(id->high, id->low);
    return true;
}

bool FieldReader::number(Field field, std::uint64_t max, std::uint64_t& out) {
    out = raw_.number(field);
    return out <= max || fail(field, "expected a number up to " + std::to_string(max));
}

bool FieldReader::expires_in(std::uint64_t& out_us) {
    if (!raw_.has(Field::expires_in)) return true;
    const std::optional<std::uint64_t> duration = parse_duration(raw_.text(Field::expires_in));
    if (!duration)
        return fail(Field::expires_in, std::string(kDurationExpected));
    out_us = *duration;
    return true;
}

bool FieldReader::balancing(Balancing& out) {
    if (!raw_.has(Field::balancing)) return true;
    const std::optional<Balancing> parsed = parse_balancing(raw_.text(Field::balancing));
    if (!parsed) return fail(Field::balancing, "expected debit, credit or both");
    out = *parsed;
    return true;
}

bool FieldReader::block(Block& out) {
    const std::optional<Block> parsed = parse_block(raw_.text(Field::block));
    if (!parsed || *parsed == Block::none)
        return fail(Field::block, "expected debits, credits or both");
    out = *parsed;
    return true;
}

}  // namespace vouch::command_handler
