// Every JSON answer, parsed back by Boost.JSON.
#include "http/render.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "http/response.h"

namespace cairn::http {
namespace {

using boost::json::object;
using boost::json::parse;
using boost::json::value;

kv::Item item() {
  return {"k/\"1\"", "v\n", 11, 12, 3};
}
const value kItem = parse(
    R"({"key":"k/\"1\"","value":"v\n","create_revision":11,"mod_revision":12,"version":"3"})");

TEST(Render, Item_AnyBytes_HaveAName) {
  EXPECT_EQ(parse(render_item(item())), kItem);
  kv::Item raw = item();
  raw.key = "\xff";
  raw.value = std::string("\0\xfe", 2);
  const object o = parse(render_item(raw)).as_object();
  EXPECT_EQ(o.at("key_base64").as_string(), "/w==");
  EXPECT_EQ(o.at("value_base64").as_string(), "AP4=");
  EXPECT_FALSE(o.contains("key") || o.contains("value"));
}

TEST(Render, Writes_CarryPrevOnlyWhenAsked) {
  kv::PutResult put;
  put.revision = (1ull << 53) - 1;
  put.version = ~0ull;
  put.created = true;
  EXPECT_EQ(
      render_put(put, false),
      "{\"revision\":9007199254740991,\"version\":\"18446744073709551615\",\"created\":true}\n");
  EXPECT_TRUE(parse(render_put(put, true)).at("prev").is_null());
  put.previous = item();
  EXPECT_EQ(parse(render_put(put, true)).at("prev"), kItem);

  kv::RemoveResult removed;
  removed.revision = 5;
  EXPECT_EQ(parse(render_remove(removed, false)), parse(R"({"deleted":0,"revision":5})"));
  removed.deleted = true;
  removed.previous = item();
  EXPECT_EQ(parse(render_remove(removed, true)).at("deleted"), value(1));
  EXPECT_EQ(parse(render_remove(removed, true)).at("prev"), kItem);
}

TEST(Render, Lists_HaveItemsOrCount) {
  kv::ScanResult scan;
  scan.revision = 9;
  EXPECT_EQ(parse(render_scan(scan, false, false)),
            parse(R"({"items":[],"next":null,"revision":9})"));
  scan.items = {item(), item()};
  scan.next = std::string("\0\xff\xfe", 3);
  const object o = parse(render_scan(scan, false, false)).as_object();
  EXPECT_EQ(o.at("items").as_array().size(), 2u);
  EXPECT_EQ(o.at("items").as_array()[1], kItem);
  EXPECT_EQ(o.at("next").as_string(), "AP_-");
  const object keys = parse(render_scan(scan, true, false)).as_object();
  EXPECT_FALSE(keys.at("items").as_array()[0].as_object().contains("value"));
  scan.count = 1ull << 60;
  EXPECT_EQ(parse(render_scan(scan, false, true)),
            parse(R"({"count":"1152921504606846976","revision":9})"));

  kv::RemovePrefixResult removed;
  removed.deleted = 1000;
  removed.revision = 7;
  removed.next = "abc";
  EXPECT_EQ(parse(render_remove_prefix(removed)),
            parse(R"({"deleted":1000,"revision":7,"next":"YWJj"})"));
}

TEST(Render, Cluster_HasTheContractsMembers) {
  kv::ClusterView view;
  view.cluster_id = "00ff00ff00ff00ff";
  view.node = 2;
  view.nodes = {{1, "127.0.0.1:8001", "127.0.0.1:9001", "up", "active", false, "127.0.0.1:7001"},
                {2, "", "", "self", "joining", true}};
  view.epoch = 4;
  view.change_under_way = true;
  kv::PartitionView led{0, 2, 3, 4, 5, {{2, 6, "leader", "voter"}}, true, {2, 1}};
  kv::PartitionView alone{1, 0, 1, 0, 0, {}};
  view.partitions = {led, alone};
  EXPECT_EQ(parse(render_cluster(view)), parse(R"({"cluster_id":"00ff00ff00ff00ff","node":2,
    "nodes":[{"id":1,"http":"127.0.0.1:8001","peer":"127.0.0.1:9001","client":"127.0.0.1:7001",
              "state":"up","membership":"active","learner":false},
             {"id":2,"http":"","peer":"","client":"","state":"self","membership":"joining",
              "learner":true}],
    "epoch":"4","change_under_way":true,
    "partitions":[{"id":0,"leader":2,"term":"3","commit":"4","applied":"5",
                   "replicas":[{"node":2,"match":"6","state":"leader","role":"voter",
                                "diverged":false}],
                   "joint":true,"wanted":[2,1]},
                  {"id":1,"leader":null,"term":"1","commit":"0","applied":"0","replicas":[],
                   "joint":false,"wanted":[]}]})"));
  EXPECT_EQ(parse(render_ring("a", {7, 0, {1, 3}})),
            parse(R"({"key":"a","partition":7,"leader":null,"nodes":[1,3]})"));
  EXPECT_EQ(parse(render_not_ready({"no \"leader\""})),
            parse(R"({"status":"unavailable","reasons":["no \"leader\""]})"));
}

TEST(Response, Head_HasExactlyTheFieldsThatApply) {
  Response r;
  r.body = "{}\n";
  std::string out;
  append_response(out, r, "DATE", false, false);
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nDate: DATE\r\nCache-Control: no-store\r\n"
            "Content-Type: application/json\r\nContent-Length: 3\r\n\r\n{}\n");
  r.status = 405;
  r.etag = 1;
  r.revision = 2;
  r.retry_after = 3;
  r.replayed = true;
  r.allow = "GET";
  r.type = ContentType::kBytes;
  out.clear();
  append_response(out, r, "DATE", true, true);
  EXPECT_EQ(out,
            "HTTP/1.1 405 Method Not Allowed\r\nDate: DATE\r\nCache-Control: no-store\r\n"
            "Content-Type: application/octet-stream\r\nX-Content-Type-Options: nosniff\r\n"
            "ETag: \"1\"\r\nCairn-Revision: 2\r\nIdempotency-Replayed: true\r\nRetry-After: 3\r\n"
            "Allow: GET\r\nConnection: close\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(imf_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace
}  // namespace cairn::http
