#include "tools/lib/settings.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

namespace cairn::tools {
namespace {

using Kind = Setting::Kind;
using testing::Test;

// A program with one setting of each kind, its file and its environment.
class SettingsTest : public Test {
 protected:
  SettingsTest()
      : settings_({
            {.name = "data-dir", .argument = "DIR", .fallback = "cairn-data", .help = "where"},
            {.name = "http", .argument = "HOST:PORT", .help = "door"},
            {.name = "allow-host", .kind = Kind::kList, .argument = "NAME,...", .help = "names"},
            {.name = "insecure", .kind = Kind::kSwitch, .help = "no TLS"},
            {.name = "partitions",
             .kind = Kind::kNumber,
             .argument = "N",
             .fallback = "1",
             .help = "partitions",
             .min = 1,
             .max = 4096},
            {.name = "memory",
             .kind = Kind::kBytes,
             .argument = "SIZE",
             .fallback = "64MiB",
             .help = "memory",
             .min = 1 << 20,
             .max = 1 << 30},
            {.name = "heartbeat",
             .kind = Kind::kDuration,
             .argument = "TIME",
             .fallback = "50ms",
             .help = "heartbeat",
             .min = 10,
             .max = 10'000},
            {.name = "config", .argument = "FILE", .help = "file", .flag_only = true},
        }) {}

  ~SettingsTest() override { std::filesystem::remove(path_); }

  void write_file(const std::string& text) { std::ofstream(path_) << text; }

  std::string load(std::vector<std::string> arguments) {
    return settings_
        .load(arguments,
              [this](const std::string& name) -> std::optional<std::string> {
                auto it = environment_.find(name);
                if (it == environment_.end()) return std::nullopt;
                return it->second;
              })
        .value_or("");
  }

  std::string load_with_file(std::vector<std::string> arguments) {
    arguments.push_back("--config=" + path_);
    return load(std::move(arguments));
  }

  Settings settings_;
  std::map<std::string, std::string> environment_;
  const std::string path_ = testing::TempDir() + "settings_test_" +
                            testing::UnitTest::GetInstance()->current_test_info()->name() + ".toml";
};

TEST_F(SettingsTest, Layers_NothingGiven_Defaults) {
  ASSERT_EQ(load({}), "");
  EXPECT_EQ(settings_.text("data-dir"), "cairn-data");
  EXPECT_EQ(settings_.number("partitions"), 1u);
  EXPECT_EQ(settings_.number("memory"), 64u << 20);
  EXPECT_EQ(settings_.duration("heartbeat"), std::chrono::milliseconds(50));
  EXPECT_FALSE(settings_.on("insecure"));
  EXPECT_FALSE(settings_.given("partitions"));
}

TEST_F(SettingsTest, Layers_FlagBeatsVariableBeatsFile) {
  write_file("partitions = 2\nheartbeat = \"70ms\"\nmemory = \"2MiB\"\n");
  environment_ = {{"CAIRN_PARTITIONS", "3"}, {"CAIRN_HEARTBEAT", "80ms"}};
  ASSERT_EQ(load_with_file({"--partitions", "4"}), "");
  EXPECT_EQ(settings_.number("partitions"), 4u);
  EXPECT_EQ(settings_.duration("heartbeat"), std::chrono::milliseconds(80));
  EXPECT_EQ(settings_.number("memory"), 2u << 20);
  EXPECT_EQ(settings_.where("partitions"), "--partitions");
  EXPECT_EQ(settings_.where("heartbeat"), "CAIRN_HEARTBEAT");
  EXPECT_EQ(settings_.where("memory"), path_ + ":3: memory");
}

TEST_F(SettingsTest, File_NamedByVariable_Read) {
  write_file("data_dir = \"d7\"\n");
  environment_["CAIRN_CONFIG"] = path_;
  ASSERT_EQ(load({}), "");
  EXPECT_EQ(settings_.text("data-dir"), "d7");
}

TEST_F(SettingsTest, File_EveryKindAndArrays) {
  write_file(
      "data-dir = 'd'\ninsecure = true\npartitions = 7\nallow_host = [\"a.example\", "
      "\"b.example\"]\nmemory = 2097152\n");
  ASSERT_EQ(load_with_file({}), "");
  EXPECT_EQ(settings_.text("data-dir"), "d");
  EXPECT_TRUE(settings_.on("insecure"));
  EXPECT_EQ(settings_.list("allow-host"), (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_EQ(settings_.number("memory"), 2u << 20);
}

TEST_F(SettingsTest, File_Empty_NoSettings) {
  write_file("");
  EXPECT_EQ(load_with_file({}), "");
}

TEST_F(SettingsTest, File_UnknownKey_NamesFileLineAndKey) {
  write_file("# cairn\n\npartition = 3\n");
  EXPECT_EQ(load_with_file({}), path_ + ":3: unknown key partition");
}

TEST_F(SettingsTest, File_FlagOnlyKey_Unknown) {
  write_file("config = \"other.toml\"\n");
  EXPECT_EQ(load_with_file({}), path_ + ":1: unknown key config");
}

TEST_F(SettingsTest, File_BadValue_NamesFileLineAndKey) {
  write_file("\npartitions = 0\n");
  EXPECT_EQ(load_with_file({}), path_ + ":2: partitions: 0 is out of range: 1 .. 4096");
  write_file("heartbeat = 50\n");
  EXPECT_EQ(load_with_file({}),
            path_ + ":1: heartbeat: \"50\" is not a duration, such as 50ms or 10s");
  write_file("http = { port = 1 }\n");
  EXPECT_EQ(load_with_file({}),
            path_ + ":1: http: must be a string, a number, true, false, or an array of these");
}

TEST_F(SettingsTest, File_NotToml_NamesFileAndLine) {
  write_file("partitions = 3\n= 4\n");
  EXPECT_EQ(load_with_file({}).find(path_ + ":2: "), 0u) << load_with_file({});
}

TEST_F(SettingsTest, File_Missing_Refused) {
  EXPECT_EQ(load_with_file({}), "cannot read the configuration file " + path_);
  EXPECT_EQ(load({"--config", testing::TempDir()}),
            "cannot read the configuration file " + testing::TempDir());
}

TEST_F(SettingsTest, Flags_BothFormsSwitchesAndLists) {
  ASSERT_EQ(load({"--data-dir=x=y", "--insecure", "--allow-host", "a", "--allow-host", "b,c",
                  "left", "--", "--over"}),
            "");
  EXPECT_EQ(settings_.text("data-dir"), "x=y");
  EXPECT_TRUE(settings_.on("insecure"));
  EXPECT_EQ(settings_.list("allow-host"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(settings_.positional(), (std::vector<std::string>{"left", "--over"}));
}

TEST_F(SettingsTest, Flags_Wrong_Named) {
  EXPECT_EQ(load({"--frobnicate"}), "unknown flag --frobnicate; see --help");
  EXPECT_EQ(load({"--http"}), "--http needs a value; see --help");
  EXPECT_EQ(load({"--insecure=maybe"}), "--insecure: \"maybe\" is neither true nor false");
  EXPECT_EQ(load({"--memory", "5MiB5"}), "--memory: \"5MiB5\" is not a size, such as 64MiB");
  EXPECT_EQ(load({"--memory", "2GiB"}), "--memory: 2GiB is out of range: 1MiB .. 1GiB");
}

TEST_F(SettingsTest, Environment_BadValue_NamesVariable) {
  environment_["CAIRN_PARTITIONS"] = "many";
  EXPECT_EQ(load({}), "CAIRN_PARTITIONS: \"many\" is not a number");
}

TEST_F(SettingsTest, PrintConfig_ReadBack_SameValues) {
  environment_["CAIRN_PARTITIONS"] = "3";
  ASSERT_EQ(load({"--data-dir", "a \"b\"", "--insecure", "--heartbeat", "70ms"}), "");
  const std::string printed = settings_.print_config();
  EXPECT_NE(printed.find("partitions = 3  # CAIRN_PARTITIONS\n"), std::string::npos) << printed;
  EXPECT_NE(printed.find("heartbeat = \"70ms\"  # --heartbeat\n"), std::string::npos) << printed;
  EXPECT_NE(printed.find("memory = \"64MiB\"  # default\n"), std::string::npos) << printed;

  environment_.clear();
  write_file(printed);
  ASSERT_EQ(load_with_file({}), "");
  EXPECT_EQ(settings_.text("data-dir"), "a \"b\"");
  EXPECT_EQ(settings_.number("partitions"), 3u);
  EXPECT_TRUE(settings_.on("insecure"));
}

TEST_F(SettingsTest, Help_NamesEachSettingWithItsDefault) {
  const std::string help = settings_.help();
  EXPECT_NE(help.find("--partitions N"), std::string::npos);
  EXPECT_NE(help.find("(default 50ms)"), std::string::npos);
}

}  // namespace
}  // namespace cairn::tools
