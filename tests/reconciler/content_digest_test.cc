#include "reconciler/reading/content_digest.h"

#include <doctest/doctest.h>

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace {

using namespace vouch;
using vouch::reconciler::ContentDigest;

Command transfer() {
    Command command;
    command.id = CommandId(1, 1);
    command.body = Transfer{{1, 1}, {1, 2}, Amount(100), Balancing::none};
    return command;
}

Attachment attachment(int digest, std::string_view media_type = {}) {
    Attachment made{{}, media_type, 0};
    made.digest[0] = static_cast<std::byte>(digest);
    return made;
}

}  // namespace

TEST_CASE("content digest: two are equal exactly where the contents are the same") {
    static const std::array ab{Metadata{"a", "1"}, Metadata{"b", "2"}};
    static const std::array ba{Metadata{"b", "2"}, Metadata{"a", "1"}};
    static const std::array orders{Reference{ReferenceType::order, "1"},
                                   Reference{ReferenceType::order, "2"}};
    static const std::array turned{orders[1], orders[0]};
    static const std::array intents{Reference{ReferenceType::intent, "1"},
                                    Reference{ReferenceType::order, "2"}};
    static const std::array papers{attachment(1), attachment(2)};
    static const std::array typed{attachment(2, "text/csv"), attachment(1)};
    static const std::array others{attachment(1), attachment(3)};
    const std::vector<std::function<void(Command&)>> changes = {
        [](Command&) {},
        [](Command& c) { c.id_text = "t"; },
        [](Command& c) { c.trace = {1, 2, 3, 4}; },
        [](Command& c) { c.ticket = "t"; },
        [](Command& c) { c.actor_address = "t"; },
        [](Command& c) { c.context = "t"; },
        [](Command& c) { c.actor_id = "t"; },
        [](Command& c) { c.module = "t"; },
        [](Command& c) { c.channel = "t"; },
        [](Command& c) { c.reason = "t"; },
        [](Command& c) { c.kind = VoucherKind::fee; },
        [](Command& c) { c.kind = VoucherKind::fx; },
        [](Command& c) { c.document_date = Day(8); },
        [](Command& c) { c.expected_version = Version(0); },
        [](Command& c) { c.metadata = ab; },
        [](Command& c) { c.metadata = ba; },
        [](Command& c) { c.references = orders; },
        [](Command& c) { c.references = turned; },
        [](Command& c) { c.references = intents; },
        [](Command& c) { c.references = std::span(orders).first(1); },
        [](Command& c) { c.attachments = papers; },
        [](Command& c) { c.attachments = typed; },
        [](Command& c) { c.attachments = others; },
        [](Command& c) { c.ledger = LedgerId(1); },
    };
    const ContentDigest digest;
    for (std::size_t i = 0; i < changes.size(); ++i) {
        for (std::size_t j = 0; j < changes.size(); ++j) {
            CAPTURE(i);
            CAPTURE(j);
            Command one = transfer();
            Command other = transfer();
            changes[i](one);
            changes[j](other);
            CHECK((digest.of(one) == digest.of(other)) == same_content(one, other));
        }
    }
}

TEST_CASE("content digest: bodies are told apart by what is content of them, and by nothing else") {
    static const std::array pair{Posting{{1, 1}, Side::debit, Amount(1)},
                                 Posting{{1, 2}, Side::credit, Amount(1)}};
    static const std::array turned{pair[1], pair[0]};
    static const std::array four{pair[0], pair[1], pair[0], pair[1]};
    static const std::array members{transfer(), transfer()};
    const std::vector<CommandBody> bodies = {
        Transfer{{1, 1}, {1, 2}, Amount(1), Balancing::none},
        Transfer{{1, 2}, {1, 1}, Amount(1), Balancing::none},
        Transfer{{1, 1}, {1, 2}, Amount(), Balancing::debit},
        Transfer{{1, 1}, {1, 2}, Amount::from_halves(1, 0), Balancing::none},
        PlaceHold{{1, 1}, {1, 2}, Amount(1), Balancing::none, 0},
        PlaceHold{{1, 1}, {}, Amount(1), Balancing::none, 2},
        CaptureHold{{1, 1}, {1, 2}, std::nullopt, false, {}},
        CaptureHold{{1, 1}, {}, std::nullopt, false, {}},
        CaptureHold{{1, 1}, {1, 2}, Amount(), false, {}},
        CaptureHold{{1, 1}, {1, 2}, std::nullopt, true, {}},
        CaptureHold{{1, 1}, {1, 2}, std::nullopt, false, {1, 2}},
        ReleaseHold{{1, 1}, {1, 2}},
        ReleaseHold{{1, 1}, {}},
        ExtendHold{{1, 1}, {1, 2}, 5},
        ExtendHold{{1, 1}, {}, 5},
        ExtendHold{{1, 1}, {1, 2}, 6},
        Reverse{{1, 1}, {1, 2}},
        Reverse{{1, 1}, {1, 3}},
        Refund{{1, 1}, {1, 2}, std::nullopt, {}, std::nullopt, std::nullopt},
        Refund{{1, 1}, {}, std::nullopt, {}, std::nullopt, std::nullopt},
        Refund{{1, 1}, {1, 2}, std::nullopt, {}, 0, std::nullopt},
        Refund{{1, 1}, {1, 2}, std::nullopt, {}, std::nullopt, 0},
        Refund{{1, 1}, {1, 2}, std::nullopt, {1, 2}, std::nullopt, std::nullopt},
        PostEntry{pair},
        PostEntry{turned},
        PostEntry{four},
        UpdateAccount{{1, 1}, std::nullopt, std::nullopt},
        UpdateAccount{{1, 1}, Limit(), std::nullopt},
        UpdateAccount{{1, 1}, Limit::unlimited(), std::nullopt},
        UpdateAccount{{1, 1}, std::nullopt, 0},
        FreezeAccount{{1, 1}, Block::debits},
        UnfreezeAccount{{1, 1}, Block::debits},
        CloseAccount{{1, 1}},
        Group{std::span(members).first(1)},
        Group{members},
        SetClock{Timestamp(1)},
    };
    const ContentDigest digest;
    for (const CommandBody& a : bodies) {
        for (const CommandBody& b : bodies) {
            Command one = transfer();
            Command other = transfer();
            one.body = a;
            other.body = b;
            CAPTURE(&a - bodies.data());
            CAPTURE(&b - bodies.data());
            CHECK((digest.of(one) == digest.of(other)) == same_content(one, other));
        }
    }
}
