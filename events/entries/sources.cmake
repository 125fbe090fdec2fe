set(VOUCH_EVENTS_ENTRIES_SOURCES
    entries/codec.cc
    entries/command.cc
    entries/read_command.cc
    entries/read_event.cc
    entries/write_command.cc
    entries/write_event.cc)
