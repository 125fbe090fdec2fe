#include "tests/reconciler/tampering.h"

#include "event.pb.h"
#include "events/check.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <optional>
#include <vector>

namespace vouch::test {

namespace {

namespace pb = google::protobuf;

std::uint64_t below(std::mt19937_64& random, std::uint64_t bound) { return random() % bound; }

/// A place in a message: a field that is set, and which of a repeated one.
struct Leaf {
    pb::Message* message;
    const pb::FieldDescriptor* field;
    int index;  // -1: not repeated
};

void collect_leaves(pb::Message& message, std::vector<Leaf>& leaves) {
    const pb::Reflection& reflection = *message.GetReflection();
    std::vector<const pb::FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const pb::FieldDescriptor* field : fields) {
        const int size = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
        for (int i = 0; i < size; ++i) {
            const int index = field->is_repeated() ? i : -1;
            if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE) {
                leaves.push_back({&message, field, index});
            } else if (index < 0) {
                collect_leaves(*reflection.MutableMessage(&message, field), leaves);
            } else {
                collect_leaves(*reflection.MutableRepeatedMessage(&message, field, index), leaves);
            }
        }
    }
}

/// Gives a field another value. No repeated field of events holds anything but messages.
void change(const Leaf& leaf, std::mt19937_64& random) {
    pb::Message& message = *leaf.message;
    const pb::Reflection& reflection = *message.GetReflection();
    const pb::FieldDescriptor* field = leaf.field;
    const std::uint64_t bit = std::uint64_t{1} << below(random, 20);
    switch (field->cpp_type()) {
        case pb::FieldDescriptor::CPPTYPE_UINT64:
            reflection.SetUInt64(&message, field, reflection.GetUInt64(message, field) ^ bit);
            break;
        case pb::FieldDescriptor::CPPTYPE_UINT32:
            reflection.SetUInt32(
                &message, field,
                reflection.GetUInt32(message, field) ^ static_cast<std::uint32_t>(bit));
            break;
        case pb::FieldDescriptor::CPPTYPE_INT64:
            reflection.SetInt64(
                &message, field,
                reflection.GetInt64(message, field) ^ static_cast<std::int64_t>(bit));
            break;
        case pb::FieldDescriptor::CPPTYPE_BOOL:
            reflection.SetBool(&message, field, !reflection.GetBool(message, field));
            break;
        case pb::FieldDescriptor::CPPTYPE_ENUM: {
            const pb::EnumDescriptor& values = *field->enum_type();
            const int now = reflection.GetEnumValue(message, field);
            int next = now;
            while (next == now) {
                next = values
                           .value(static_cast<int>(
                               below(random, static_cast<std::uint64_t>(values.value_count()))))
                           ->number();
            }
            reflection.SetEnumValue(&message, field, next);
            break;
        }
        case pb::FieldDescriptor::CPPTYPE_STRING: {
            std::string text = reflection.GetString(message, field);
            text.back() = static_cast<char>(text.back() ^ 1);
            reflection.SetString(&message, field, text);
            break;
        }
        case pb::FieldDescriptor::CPPTYPE_INT32:
        case pb::FieldDescriptor::CPPTYPE_DOUBLE:
        case pb::FieldDescriptor::CPPTYPE_FLOAT:
        case pb::FieldDescriptor::CPPTYPE_MESSAGE:
            VOUCH_ASSERT(false);
    }
}

struct Parts {
    RecordHeader header;
    v1::EventBatch body;
    Tag tag{};
};

Parts read(const Bytes& bytes) {
    const Result<RecordView> view = parse_record(bytes);
    VOUCH_ASSERT(view.has_value());
    Parts parts{view->header, {}, view->tag};
    VOUCH_ASSERT(parts.body.ParseFromArray(view->body.data(), static_cast<int>(view->body.size())));
    return parts;
}

Bytes body_bytes(const v1::EventBatch& body) {
    Bytes bytes(body.ByteSizeLong());
    body.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
}

Bytes write(const Parts& parts) {
    RecordHeader header = parts.header;
    header.event_count = static_cast<std::uint32_t>(parts.body.events_size());
    return seal_bytes(parts.tag, header, body_bytes(parts.body));
}

bool edit_event(Parts& parts, std::mt19937_64& random) {
    std::vector<Leaf> leaves;
    for (v1::Event& event : *parts.body.mutable_events()) collect_leaves(event, leaves);
    if (leaves.empty()) return false;
    change(leaves[below(random, leaves.size())], random);
    return true;
}

void edit_header(RecordHeader& header, std::mt19937_64& random) {
    const std::uint64_t bit = std::uint64_t{1} << below(random, 40);
    switch (below(random, 10)) {
        case 0:
            header.deployment =
                DeploymentId(header.deployment.high() ^ bit, header.deployment.low());
            break;
        case 1:
            header.chain = ChainId(header.chain.high(), header.chain.low() ^ bit);
            break;
        case 2:
            header.shard = ShardId(header.shard.value() ^ 1);
            break;
        case 3:
            header.record = RecordNumber(header.record.value() ^ bit);
            break;
        case 4:
            header.first_event = EventNumber(header.first_event.value() ^ bit);
            break;
        case 5:
            header.time = Timestamp(header.time.value() ^ static_cast<std::int64_t>(bit));
            break;
        case 6:
            header.epoch = Epoch(header.epoch.value() ^ bit);
            break;
        case 7:
            header.term = Term(header.term.value() ^ bit);
            break;
        case 8:
            header.next_command = Offset(header.next_command.value() ^ bit);
            break;
        case 9:
            header.previous_digest[below(random, header.previous_digest.size())] ^= std::byte{1};
            break;
    }
}

class Tamperer {
public:
    Tamperer(const RecordList& original, const RecordList& other, Tampering what, bool newest,
             std::mt19937_64& random)
        : random_(random), other_(other.shard(ShardId(0))), tampered_{what, original, {}} {
        const std::size_t count = records().size();
        at_ = newest ? count - 1 : below(random, count);
    }

    std::optional<Tampered> act() {
        if (!change()) return std::nullopt;
        return std::move(tampered_);
    }

private:
    std::vector<Bytes>& records() { return tampered_.records.shard(ShardId(0)); }
    void mark(std::size_t position) { tampered_.edited.insert(position); }
    auto place(std::size_t position) {
        return records().begin() + static_cast<std::ptrdiff_t>(position);
    }

    bool change() {
        switch (tampered_.what) {
            case Tampering::edit_event:
                return edit([&](Parts& p) { return edit_event(p, random_); });
            case Tampering::edit_header:
                return edit([&](Parts& p) {
                    edit_header(p.header, random_);
                    return true;
                });
            case Tampering::edit_tag:
                return edit([&](Parts& p) {
                    p.tag[below(random_, p.tag.size())] ^= std::byte{4};
                    return true;
                });
            case Tampering::reseal:
                return edit([&](Parts& p) {
                    for (std::byte& byte : p.tag) byte = static_cast<std::byte>(random_());
                    return edit_event(p, random_);
                });
            case Tampering::drop_event:
                return edit([&](Parts& p) {
                    if (p.body.events_size() == 1) return false;
                    p.body.mutable_events()->DeleteSubrange(any_event(p), 1);
                    return true;
                });
            case Tampering::swap_events:
                return edit([&](Parts& p) {
                    const int a = any_event(p);
                    const int b = any_event(p);
                    p.body.mutable_events()->SwapElements(a, b);
                    return a != b;
                });
            case Tampering::duplicate_event:
                return edit([&](Parts& p) {
                    *p.body.add_events() = v1::Event(p.body.events(any_event(p)));
                    return true;
                });
            case Tampering::wrong_epoch:
                return edit([&](Parts& p) {
                    p.header.epoch = p.header.epoch.next();
                    return true;
                });
            case Tampering::drop_record:
                return drop_record();
            case Tampering::swap_records:
                return swap_records();
            case Tampering::duplicate_record:
                return insert(Bytes(records()[at_]), at_ + 1);
            case Tampering::repeat_record:
                return insert(Bytes(records()[below(random_, at_ + 1)]), at_ + 1);
            case Tampering::splice_record:
                mark(at_);
                records()[at_] = other_[at_];
                return true;
            case Tampering::insert_spliced:
                return insert(Bytes(other_[at_]), at_);
            case Tampering::renumber:
                return renumber();
            case Tampering::cut_tail: {
                const std::size_t keep =
                    records().size() - 1 -
                    below(random_, std::min<std::size_t>(3, records().size() - 1));
                records().resize(keep);
                mark(keep);
                return true;
            }
        }
        return false;
    }

    template <class Edit>
    bool edit(const Edit& edit) {
        Parts parts = read(records()[at_]);
        if (!edit(parts)) return false;
        Bytes bytes = write(parts);
        // Two equal events swapped, a field that is not written: nothing happened.
        if (bytes == records()[at_]) return false;
        records()[at_] = std::move(bytes);
        mark(at_);
        return true;
    }
    int any_event(const Parts& parts) {
        return static_cast<int>(
            below(random_, static_cast<std::uint64_t>(parts.body.events_size())));
    }
    bool insert(Bytes bytes, std::size_t position) {
        records().insert(place(position), std::move(bytes));
        mark(position);
        return true;
    }
    bool drop_record() {
        if (at_ + 1 >= records().size()) return false;
        records().erase(place(at_));
        mark(at_);
        return true;
    }
    bool swap_records() {
        if (at_ + 1 >= records().size()) return false;
        std::swap(records()[at_], records()[at_ + 1]);
        mark(at_);
        mark(at_ + 1);
        return true;
    }
    bool renumber() {
        if (!drop_record()) return false;
        for (std::size_t i = at_; i < records().size(); ++i) {
            Parts parts = read(records()[i]);
            parts.header.record = RecordNumber(i);
            records()[i] = write(parts);
            mark(i);
        }
        return true;
    }

    std::mt19937_64& random_;
    const std::vector<Bytes>& other_;
    Tampered tampered_;
    std::size_t at_ = 0;
};

}  // namespace

std::string_view to_text(Tampering tampering) {
    switch (tampering) {
        case Tampering::edit_event:
            return "edit_event";
        case Tampering::edit_header:
            return "edit_header";
        case Tampering::edit_tag:
            return "edit_tag";
        case Tampering::reseal:
            return "reseal";
        case Tampering::drop_event:
            return "drop_event";
        case Tampering::swap_events:
            return "swap_events";
        case Tampering::duplicate_event:
            return "duplicate_event";
        case Tampering::drop_record:
            return "drop_record";
        case Tampering::swap_records:
            return "swap_records";
        case Tampering::duplicate_record:
            return "duplicate_record";
        case Tampering::repeat_record:
            return "repeat_record";
        case Tampering::splice_record:
            return "splice_record";
        case Tampering::insert_spliced:
            return "insert_spliced";
        case Tampering::wrong_epoch:
            return "wrong_epoch";
        case Tampering::renumber:
            return "renumber";
        case Tampering::cut_tail:
            return "cut_tail";
    }
    return "";
}

std::optional<Tampered> tamper(const RecordList& original, const RecordList& other, Tampering what,
                               bool newest, std::mt19937_64& random) {
    return Tamperer(original, other, what, newest, random).act();
}

}  // namespace vouch::test
