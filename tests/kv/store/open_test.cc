// Opening, closing, opening again.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "tests/kv/store/support.h"

namespace cairn::kv {
namespace {

class StoreOpenTest : public StoreFixture {
 protected:
  /// A listening socket on loopback, and its port.
  class Listener {
   public:
    Listener() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      socklen_t size = sizeof address;
      auto* plain = reinterpret_cast<sockaddr*>(&address);
      EXPECT_EQ(::bind(fd_, plain, size), 0);
      EXPECT_EQ(::listen(fd_, 1), 0);
      EXPECT_EQ(::getsockname(fd_, plain, &size), 0);
      port_ = ntohs(address.sin_port);
    }
    ~Listener() { ::close(fd_); }
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

   private:
    int fd_;
    int port_ = 0;
  };
};

TEST_F(StoreOpenTest, Reopened_AfterStop_HasEverything) {
  open();
  for (int i = 0; i < 100; ++i) put("k" + std::to_string(i), "v" + std::to_string(i));
  const auto item = store().get("k7").value();
  ASSERT_TRUE(store().remove("k8"));
  close();
  open();
  EXPECT_EQ(get("k99"), "v99");
  EXPECT_EQ(get("k8"), "-");
  const auto again = store().get("k7").value();
  EXPECT_EQ(again->mod_revision, item->mod_revision);
  EXPECT_EQ(again->version, item->version);
  EXPECT_GT(store().put("new", "v").value().revision, item->mod_revision);
}

TEST_F(StoreOpenTest, Reopened_ManyTimes_KeepsCounting) {
  Revision last = 0;
  for (int i = 0; i < 5; ++i) {
    open();
    const auto put = store().put("k", std::to_string(i));
    ASSERT_TRUE(put) << put.error().message();
    EXPECT_EQ(put->version, static_cast<std::uint64_t>(i + 1));
    EXPECT_GT(put->revision, last);
    last = put->revision;
    close();
  }
}

TEST_F(StoreOpenTest, Directory_OpenElsewhere_IsLocked) {
  open();
  const auto second = Store::open(options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::kLocked) << second.error().message();
  put("k", "v");
  close();
  open();
  EXPECT_EQ(get("k"), "v");
}

TEST_F(StoreOpenTest, TwoStores_InOneProcess_AreApart) {
  open(options("one"));
  auto two = Store::open(options("two"));
  ASSERT_TRUE(two) << two.error().message();
  put("k", "one");
  ASSERT_TRUE(two->put("k", "two"));
  EXPECT_EQ(get("k"), "one");
  EXPECT_EQ(value(two->get("k")), "two");
  EXPECT_NE(store().cluster().cluster_id, two->cluster().cluster_id);
}

TEST_F(StoreOpenTest, Moved_Store_WorksOn) {
  auto opened = Store::open(options());
  ASSERT_TRUE(opened);
  Store moved = std::move(opened.value());
  ASSERT_TRUE(moved.put("k", "v"));
  Store again = std::move(moved);
  EXPECT_EQ(value(again.get("k")), "v");
}

TEST_F(StoreOpenTest, Options_OutOfRange_NameTheField) {
  Options o = options();
  o.replicas = 9;
  const auto refused = Store::open(o);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kConfiguration);
  EXPECT_NE(refused.error().detail.find("replicas"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(o.data_dir));
}

TEST_F(StoreOpenTest, Port_InUse_IsAnErrorAndLeavesTheDirectoryFree) {
  const Listener taken;
  Options o = options();
  o.node_id = 1;
  o.peer = taken.address();
  o.cluster = {{1, taken.address()}, {2, "127.0.0.1:1"}, {3, "127.0.0.1:2"}};
  for (int i = 0; i < 2; ++i) {
    const auto refused = Store::open(o);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kAddressInUse) << refused.error().message();
  }
}

TEST_F(StoreOpenTest, Directory_IsAFile_IsAnError) {
  std::ofstream(directory()) << "not a directory";
  const auto refused = Store::open(options());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kIo) << refused.error().message();
}

TEST_F(StoreOpenTest, Log_Damaged_IsRefusedAsCorrupt) {
  open();
  for (int i = 0; i < 100; ++i) put("k" + std::to_string(i), std::string(1000, 'v'));
  close();
  // The oldest segment's checkpoint: below everything that was ever acknowledged.
  std::filesystem::path oldest;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory())) {
    if (entry.path().filename().string().rfind("wal-", 0) != 0) continue;
    if (oldest.empty() || entry.path() < oldest) oldest = entry.path();
  }
  ASSERT_FALSE(oldest.empty());
  std::fstream file(oldest, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(5'000);
  file.write("damage", 6);
  file.close();
  const auto refused = Store::open(options());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kCorrupt) << refused.error().message();
  EXPECT_FALSE(refused.error().detail.empty());
}

}  // namespace
}  // namespace cairn::kv
