#include "net/address.h"

#include <gtest/gtest.h>

namespace cairn::net {
namespace {

TEST(Address, HostAndPort_InEveryForm_AreTakenApart) {
  const auto is = [](const char* text, const char* host, int port) {
    const auto at = parse_host_port(text);
    return at && at->host == host && at->port == port;
  };
  EXPECT_TRUE(is("127.0.0.1:4000", "127.0.0.1", 4000));
  EXPECT_TRUE(is("[::1]:4000", "::1", 4000));
  EXPECT_TRUE(is("db-1.example:65535", "db-1.example", 65535));
  EXPECT_TRUE(is(":0", "", 0));
}

TEST(Address, AnythingElse_IsRefused) {
  for (const char* text :
       {"", "host", "host:", "host:65536", "host:-1", "host:+1", "host: 1", "host:1x", "::1:80",
        "[::1:80", "::1]:80", "[host]:80", "[]:80", "[::1]80", "a:b:80", "host:000001"}) {
    EXPECT_FALSE(parse_host_port(text)) << text;
  }
}

}  // namespace
}  // namespace cairn::net
