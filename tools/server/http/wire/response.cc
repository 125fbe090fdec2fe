#include "tools/server/http/wire/response.h"

#include "events/json_writer.h"

namespace vouch::http {

Response problem(unsigned status, std::string_view type, std::string_view title,
                 std::string_view detail,
                 const std::function<void(JsonWriter&)>& add_members) {
    Response response;
    response.status = status;
    response.content_type = "application/problem+json";
    response.detail = detail;
    JsonWriter json;
    json.open_object()
        .member("type", "urn:vouch:problem:" + std::string(type))
        .member("title", title)
        .member("status", status)
        .member("detail", detail);
    if (add_members) add_members(json);
    response.body = json.close_object().take() + "\n";
    if (status == 503) response.fields.emplace_back("Retry-After", kRetryAfterSeconds);
    return response;
}

Response busy(std::string_view detail, const std::function<void(JsonWriter&)>& add_members) {
    return problem(503, "busy", "Too much is under way", detail, add_members);
}

std::string_view reason_of(unsigned status) {
    switch (status) {
        case 100:
            return "Continue";
        case 200:
            return "OK";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 400:
            return "Bad Request";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 406:
            return "Not Acceptable";
        case 408:
            return "Request Timeout";
        case 411:
            return "Length Required";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 421:
            return "Misdirected Request";
        case 422:
            return "Unprocessable Content";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Answer";
    }
}

std::string head_of(const Response& response, std::string_view date, bool keep_alive) {
    std::string head;
    head.reserve(256);
    head += "HTTP/1.1 " + std::to_string(response.status) + ' ';
    head += reason_of(response.status);
    head += "\r\nDate: ";
    head += date;
    head += "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
    if (response.status != 204) {
        head += "Content-Type: ";
        head += response.content_type;
        head += "\r\nContent-Length: " + std::to_string(response.body.size()) + "\r\n";
    }
    for (const auto& [name, value] : response.fields) {
        head += name;
        head += ": ";
        head += value;
        head += "\r\n";
    }
    head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
    return head;
}

}  // namespace vouch::http
