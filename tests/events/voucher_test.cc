#include "events/entries/voucher.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

namespace vouch {

TEST_CASE("voucher: kinds and references have the names of the schema") {
    std::string kinds;
    for (int kind = 0; kind <= 12; ++kind) {
        const std::string_view text = to_text(static_cast<VoucherKind>(kind));
        kinds += std::string(text) + " ";
        if (kind != 0) CHECK(parse_voucher_kind(text) == static_cast<VoucherKind>(kind));
    }
    CHECK(kinds ==
          " payment top_up withdrawal refund settlement transfer fee fx adjustment chargeback "
          "correction closing ");
    std::string types;
    for (int type = 1; type <= 6; ++type) {
        const std::string_view text = to_text(static_cast<ReferenceType>(type));
        types += std::string(text) + " ";
        CHECK(parse_reference_type(text) == static_cast<ReferenceType>(type));
    }
    CHECK(types == "order intent attempt settlement channel statement ");
    for (const std::string_view text : {"", "Payment", "sale", "payment "}) {
        CHECK(!parse_voucher_kind(text));
        CHECK(!parse_reference_type(text));
    }
}

TEST_CASE("voucher: a trace is a traceparent of version 00") {
    // The example of the W3C's recommendation.
    const std::string_view text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const Trace trace{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736, 0x00f067aa0ba902b7, 1};
    CHECK(parse_trace(text) == trace);
    CHECK(to_text(trace) == text);
    CHECK(trace.is_given());
    CHECK(!Trace{}.is_given());
    for (const std::string_view wrong :
         {"", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
          "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
          "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
          "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
          "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
          "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01"}) {
        CAPTURE(wrong);
        CHECK(!parse_trace(wrong));
    }
}

TEST_CASE("voucher: digests as hexadecimal") {
    AttachmentDigest digest{};
    digest[0] = std::byte{0xab};
    digest[31] = std::byte{0x01};
    const std::string text = "ab" + std::string(60, '0') + "01";
    CHECK(digest_text(digest) == text);
    CHECK(parse_digest(text) == digest);
    CHECK(!parse_digest(text.substr(1)));
    CHECK(!parse_digest("AB" + text.substr(2)));
    CHECK(!parse_digest(text + "00"));
}

}  // namespace vouch
