// A program that runs its own workload on a simulated cluster: money moves between two accounts of
// one partition while nodes die and links are cut, and none of it is lost or made.
#include <cairn/kv/sim/cluster.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

using cairn::kv::Result;
using cairn::sim::Cluster;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kMoney = 1000;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

/// Moves 1 from a to b if nobody else moved meanwhile. The first operation's key, the ledger's, is
/// what the condition looks at.
void transfer(Cluster& cluster, std::uint64_t node, int number) {
  const auto book = cluster.get(node, "{bank}book");
  if (!book || !book->item) return;
  const std::string& was = book->item->value;  // "a b"
  const std::size_t space = was.find(' ');
  const int a = std::stoi(was.substr(0, space)) - 1;
  const int b = std::stoi(was.substr(space + 1)) + 1;
  cairn::kv::WriteBatch batch;
  batch.put("{bank}book", std::to_string(a) + " " + std::to_string(b));
  batch.put("{bank}last", std::to_string(number));
  cairn::kv::WriteOptions options;
  options.if_revision = book->item->mod_revision;
  (void)cluster.write(node, batch, options);
}

std::uint64_t story(std::uint64_t seed) {
  Cluster cluster(seed);
  require(cluster.start(), "the cluster starts");
  const std::string begin = std::to_string(kMoney) + " 0";
  require(cluster.put(1, "{bank}book", begin).has_value(), "the book is opened");
  cluster.begin_trouble();
  for (int i = 1; i <= 200; ++i) transfer(cluster, 1 + cluster.random() % 3, i);
  cluster.end_trouble();

  Result<cairn::kv::ReadResult> book = cluster.get(1, "{bank}book");
  for (int tries = 0; !book && tries < 100; ++tries) {
    cluster.run_for(milliseconds{100});
    book = cluster.get(1, "{bank}book");
  }
  require(book && book->item, "the book is read after the trouble");
  const std::string& is = book->item->value;
  const std::size_t space = is.find(' ');
  require(std::stoi(is.substr(0, space)) + std::stoi(is.substr(space + 1)) == kMoney,
          "no money was lost or made");
  for (const std::string& failure : cluster.failures())
    std::fprintf(stderr, "%s\n", failure.c_str());
  require(cluster.failures().empty(), "Cairn kept its promises");
  return cluster.trace_hash();
}

}  // namespace

int main() {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) story(seed);
  require(story(3) == story(3), "one seed, one run");
  std::puts("ok");
}
