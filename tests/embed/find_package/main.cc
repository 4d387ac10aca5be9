// A program that found Cairn installed: a store of one node, a batch, a scan, and three members in
// this process for its own tests, and a client that reaches them over the network.
#include <cairn/kv/client.h>
#include <cairn/kv/store.h>
#include <cairn/kv/test_cluster.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

void one_node(const std::string& directory) {
  auto store = cairn::kv::Store::open({.data_dir = directory}).value();
  store.put("greeting", "hello").value();
  std::string v = store.get("greeting").value()->value;
  require(v == "hello", "the value that was put is read");

  cairn::kv::WriteBatch batch;
  batch.put("fruit/apple", "1").put("fruit/pear", "2").remove("greeting");
  store.write(batch).value();
  cairn::kv::ScanOptions fruit;
  fruit.prefix = "fruit/";
  require(store.scan(fruit).value().items.size() == 2, "the batch's keys are listed");
  require(!store.get("greeting").value().has_value(), "the batch's removal is seen");
}

void reopened(const std::string& directory) {
  auto store = cairn::kv::Store::open({.data_dir = directory}).value();
  require(store.get("fruit/pear").value()->value == "2",
          "what was written is there after reopening");
  cairn::kv::WriteOptions only_new;
  only_new.if_absent = true;
  auto refused = store.put("fruit/pear", "3", only_new);
  require(refused.has_error() && refused.error().code == cairn::kv::Errc::kRevisionMismatch,
          "a condition that does not hold is refused");
}

void three_members() {
  auto three = cairn::kv::TestCluster::start(3).value();
  three.node(1).put("key", "value").value();
  for (std::uint64_t id = 1; id <= 3; ++id) {
    require(three.node(id).get("key").value()->value == "value", "each member reads the write");
  }
}

void from_afar() {
  auto three = cairn::kv::TestCluster::start(3).value();
  auto client = cairn::kv::Client::connect(three.client_endpoints()).value();
  client.put("key", "from afar").value();
  require(client.get("key").value()->value == "from afar", "a client reads what it wrote");
  three.stop(1);
  client.put("key", "still there").value();
  require(client.get("key").value()->value == "still there", "a client outlives a node");
  cairn::kv::ReadOptions eventual;
  eventual.consistency = cairn::kv::Consistency::kEventual;
  require(client.get("key", eventual).has_value(), "replicas answer eventual reads");
}

}  // namespace

int main() {
  const auto directory =
      std::filesystem::temp_directory_path() /
      ("cairn-consumer-" +
       std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()));
  one_node(directory.string());
  reopened(directory.string());
  std::filesystem::remove_all(directory);
  three_members();
  from_afar();
  std::puts("ok");
}
