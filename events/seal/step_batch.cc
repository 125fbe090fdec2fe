// A batch of steps is a StepBatch message in its one canonical form (schemas/step.proto):
//
//   batch   = %x0A length content | %x12 %x20 tag
//   content = a StepBatchContent whose last field is the steps, itself canonical: fields in
//   ascending
//             order, zeros left out, shortest varints
//   tag     = 32 bytes: HMAC-SHA256(step key of the sending shard, mac-input)
//
//   mac-input    = "vouch/steps/v1" 0x00 | length of content as 4 bytes big-endian | content
//   digest-input = "vouch/step-digest/v1" 0x00 | from, 4 bytes | to, 4 bytes | number, 8 bytes
//                | previous digest | steps         (numbers big-endian; the digest is SHA-256)
//
// Read without a copy, as events are: the steps are most of it. Golden: tests/golden/steps.json.

#include "events/seal/step_batch.h"

#include "events/bytes/big_endian.h"
#include "events/bytes/sha256.h"
#include "events/check.h"
#include "events/entries/event_fields.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace vouch {

namespace {

using namespace std::string_view_literals;
using wire::digest;
using wire::message;
using wire::number;
using wire::read_message;
using In = wire::Reader<true>;

constexpr std::string_view kTagDomain = "vouch/steps/v1\0"sv;
constexpr std::string_view kDigestDomain = "vouch/step-digest/v1\0"sv;

/// 64 bits of any value.
template <std::uint32_t kNumber>
struct WordField : wire::FieldBase<kNumber> {
    std::uint64_t& out;

    template <class M>
    void take(M& m) {
        if (m.tag() == wire::fixed64_tag(kNumber)) m.take_fixed64(kNumber, this->name, out);
    }
};
template <std::uint32_t kNumber>
auto word(std::string_view name, std::uint64_t& out) {
    return WordField<kNumber>{{name}, out};
}

std::string_view as_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool read_content(std::span<const std::byte> content, StepBatchView& out, CommandFault& fault) {
    StepBatchHeader& header = out.header;
    std::uint32_t format = 0;
    std::uint64_t deployment_high = 0;
    std::uint64_t deployment_low = 0;
    std::uint64_t chain_high = 0;
    std::uint64_t chain_low = 0;
    std::span<const std::byte> record_digest;
    std::span<const std::byte> previous_digest;
    const auto steps = [&](In in) {
        out.steps = {in.position(), in.size()};
        return true;
    };
    const auto refuse = [&](std::string_view field) {
        wire::report(fault, field);
        return false;
    };
    if (!read_message<wire::WireForm::canonical>(
            In(content.data(), content.size()), fault, "content", number<1>("format", format),
            word<2>("deployment", deployment_high), word<3>("deployment", deployment_low),
            word<4>("chain", chain_high), word<5>("chain", chain_low),
            number<6>("from", header.from), number<7>("to", header.to),
            number<8>("number", header.number), number<9>("count", header.count),
            number<10>("record", header.record), digest<11>("record_digest", record_digest),
            number<12>("time_us", header.time), digest<13>("previous_digest", previous_digest),
            message<14>("steps", steps))) {
        return false;
    }
    if (format != kStepBatchFormat) return refuse("format");
    if (header.count == 0) return refuse("count");
    if (out.steps.empty()) return refuse("steps");
    header.deployment = DeploymentId(deployment_high, deployment_low);
    header.chain = ChainId(chain_high, chain_low);
    std::ranges::copy(record_digest, header.record_digest.begin());
    std::ranges::copy(previous_digest, header.previous_digest.begin());
    return true;
}

void write_content(wire::Writer& out, const StepBatchHeader& header,
                   std::span<const std::byte> steps) {
    out.varint(1, kStepBatchFormat);
    out.fixed64(2, header.deployment.high());
    out.fixed64(3, header.deployment.low());
    out.fixed64(4, header.chain.high());
    out.fixed64(5, header.chain.low());
    out.varint(6, header.from.value());
    out.varint(7, header.to.value());
    out.varint(8, header.number.value());
    out.varint(9, header.count);
    out.varint(10, header.record.value());
    out.text(11, as_text(header.record_digest));
    out.varint(12, static_cast<std::uint64_t>(header.time.value()));
    out.text(13, as_text(header.previous_digest));
    out.text(14, as_text(steps));
}

/// What stands around the steps: tags and lengths of at most 6 bytes for content and steps, four
/// fixed words, numbers, digests and the tag.
constexpr std::size_t kAroundSteps =
    2 * 6 + 4 * 9 + 4 * 6 + 3 * 11 + 3 * (2 + 32) + wire::kWriterSlack;

}  // namespace

Result<StepBatchView> parse_step_batch(std::span<const std::byte> bytes) {
    StepBatchView view;
    std::span<const std::byte> tag;
    const auto content = [&](In in) {
        view.content = {in.position(), in.size()};
        return true;
    };
    CommandFault fault;
    if (!read_message<wire::WireForm::canonical>(In(bytes.data(), bytes.size()), fault, "batch",
                                             message<1>("content", content),
                                             digest<2>("tag", tag)) ||
        !read_content(view.content, view, fault)) {
        return Fault{FaultCode::corrupt,
                     "expected a canonical batch of steps, found a fault in the field '" +
                         std::string(fault.field) + "'"};
    }
    std::ranges::copy(tag, view.tag.begin());
    return view;
}

Tag step_batch_tag(Mac& mac, std::span<const std::byte> content) {
    VOUCH_ASSERT(content.size() <= UINT32_MAX);
    const auto length = big_endian(static_cast<std::uint32_t>(content.size()));
    const std::array<std::span<const std::byte>, 3> pieces = {std::as_bytes(std::span(kTagDomain)),
                                                              length, content};
    return mac.tag(pieces);
}

Digest step_batch_digest(ShardId from, ShardId to, StepBatchNumber number, const Digest& previous,
                         std::span<const std::byte> steps) {
    const auto from_bytes = big_endian(from.value());
    const auto to_bytes = big_endian(to.value());
    const auto number_bytes = big_endian(number.value());
    const std::array<std::span<const std::byte>, 6> pieces = {
        std::as_bytes(std::span(kDigestDomain)),
        from_bytes,
        to_bytes,
        number_bytes,
        previous,
        steps};
    return sha256(pieces);
}

Digest digest_from(std::span<const std::byte> field) {
    Digest digest{};
    std::copy_n(field.begin(), std::min(field.size(), digest.size()), digest.begin());
    return digest;
}

std::vector<std::byte> seal_step_batch(Mac& mac, const StepBatchHeader& header,
                                       std::span<const std::byte> steps) {
    VOUCH_ASSERT(header.count > 0 && !steps.empty());
    // A negative time is none that a reader takes.
    VOUCH_ASSERT(header.time.value() >= 0 && steps.size() <= UINT32_MAX - kAroundSteps);
    std::vector<std::byte> batch(steps.size() + kAroundSteps);
    wire::Writer out(batch.data());
    out.message(1, [&] { write_content(out, header, steps); });
    const auto end_of_content = static_cast<std::size_t>(out.at() - batch.data());
    // The content is what is behind its tag and length.
    wire::Reader<true> in(batch.data() + 1, end_of_content - 1);
    wire::Reader<true> content;
    VOUCH_ASSERT(in.bytes(content));
    const Tag tag = step_batch_tag(mac, {content.position(), content.size()});
    out.text(2, as_text(tag));
    batch.resize(static_cast<std::size_t>(out.at() - batch.data()));
    return batch;
}

}  // namespace vouch
