#pragma once

#include "tools/server/http/wire/request_head.h"
#include "tools/server/http/wire/response.h"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace vouch::http {

class IoThread;

/// What answers the requests of one IoThread, on that thread; it dies after its last connection.
class Service {
public:
    virtual ~Service() = default;

    /// The head alone decides: the answer to a request whose body is not even read, because its
    /// route, method, type or length is wrong.
    virtual std::optional<Response> refuse_by_head(const RequestHead& head) = 0;
    /// Whether that is a question about health, which is answered however many others ask.
    virtual bool asks_for_health(const RequestHead& head) = 0;
    /// The answer to a request that was not refused. Head and body outlive the call.
    virtual boost::asio::awaitable<Response> answer(const RequestHead& head,
                                                    const std::string& body) = 0;
    /// An answer of this status is about to be sent, to whatever came.
    virtual void answered(unsigned status) = 0;
    /// Called every IoThread::kSweepInterval.
    virtual void sweep() = 0;
};

/// Of a thread that does not run yet, and outlives it.
using MakeService = std::function<std::unique_ptr<Service>(IoThread&)>;

}  // namespace vouch::http
