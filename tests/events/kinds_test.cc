#include "command.pb.h"
#include "event.pb.h"
#include "events/entries/command.h"
#include "events/entries/event.h"

#include <doctest/doctest.h>
#include <google/protobuf/descriptor.h>

#include <set>
#include <string>
#include <string_view>

using namespace vouch;

TEST_CASE("commands: each kind's field and word are the wire's, and there are no others") {
    const google::protobuf::Descriptor* command = v1::Command::descriptor();
    const google::protobuf::OneofDescriptor* body = command->FindOneofByName("body");
    REQUIRE(body != nullptr);
    CHECK(body->field_count() == static_cast<int>(kCommandKinds.size()));
    for (const CommandKind& kind : kCommandKinds) {
        CAPTURE(kind.word);
        const auto* field = command->FindFieldByNumber(static_cast<int>(kind.field));
        REQUIRE(field != nullptr);
        CHECK(field->name() == std::string(kind.word));
        CHECK(field->containing_oneof() == body);
        CHECK(kind.empty().index() == kind.index);
    }
}

TEST_CASE("events: each kind's field and word are the wire's, and no field is of no kind") {
    const google::protobuf::Descriptor* event = v1::Event::descriptor();
    std::set<int> fields;
    for (const EventKind& kind : kEventKinds) {
        CAPTURE(kind.word);
        if (kind.field == 0) continue;
        const auto* field = event->FindFieldByNumber(static_cast<int>(kind.field));
        REQUIRE(field != nullptr);
        CHECK(field->name() == std::string(kind.word));
        fields.insert(field->number());
    }
    CHECK(fields.size() + 1 == kEventKinds.size());
    // Those below are parts that kinds share.
    for (int i = 0; i < event->field_count(); ++i) {
        const int number = event->field(i)->number();
        if (number >= 12) CHECK(fields.contains(number));
    }
}
