// A client's connection as a stream of bytes, plain or through TLS.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string_view>

namespace hearth {

class Transport {
 public:
  virtual ~Transport() = default;
  // What comes before the first byte; throws boost::system::system_error where the peer does not agree.
  virtual boost::asio::awaitable<void> open() = 0;
  // At least one byte, into memory that outlives the call; 0: the peer has ended or broken the connection.
  virtual boost::asio::awaitable<std::size_t> read_some(char* to, std::size_t bytes_max) = 0;
  // All of it; throws boost::system::system_error. The bytes outlive the call.
  virtual boost::asio::awaitable<void> write(std::string_view bytes) = 0;
  // As much as needs no waiting, as write() would; throws the same.
  virtual std::size_t write_now(std::string_view bytes) = 0;
  // Whether a peer that has ended its side may go on reading.
  virtual bool can_be_half_closed() const = 0;
  // Tells the peer that no more is coming.
  virtual void end_writing() = 0;
  // Whatever is under way ends with an error.
  virtual void close() = 0;
};

std::unique_ptr<Transport> plain_transport(boost::asio::ip::tcp::socket socket);
// `context` outlives the transport.
std::unique_ptr<Transport> tls_transport(boost::asio::ip::tcp::socket socket, boost::asio::ssl::context& context);

// For a server with this certificate chain and key, both PEM; TLS 1.2 and later. Throws InvalidInput, naming the file.
boost::asio::ssl::context tls_context(const std::filesystem::path& certificate, const std::filesystem::path& key);

}  // namespace hearth
