vouch_add_test(log
    SOURCES log_contract_test.cc
    LIBS vouch_events)
