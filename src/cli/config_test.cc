// Priorities, unknown keys, kinds of values, and that what is printed reads back.
#include "cli/config.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace kalamdb::cli {
namespace {

TEST(Config, LaterSourcesWin) {
  Result<Config> config = Config::Load({{"limits.body_bytes", "1"}, {"limits.sql_bytes", "2"}, {"log.level", "warn"}},
                                       {{"limits.sql_bytes", "3"}, {"log.level", "error"}}, {{"log.level", "debug"}});
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->Integer("limits.body_bytes"), 1);
  EXPECT_EQ(config->Get("limits.body_bytes").source, ConfigSource::kFile);
  EXPECT_EQ(config->Integer("limits.sql_bytes"), 3);
  EXPECT_EQ(config->Text("log.level"), "debug");
  EXPECT_EQ(config->Get("storage.durability").source, ConfigSource::kDefault);
}

TEST(Config, RefusesUnknownKeysAndWrongValues) {
  for (auto [key, value] : {std::pair<const char*, const char*>{"limits.nonsense", "1"},
                            {"limits.body_bytes", "many"},
                            {"limits.body_bytes", "0"},
                            {"limits.body_bytes", "-1"},
                            {"limits.body_bytes", "9999999999999999999"},
                            {"limits.body_bytes", "9999999999TiB"},
                            {"storage.durability", "maybe"},
                            {"storage.auto_compaction", "perhaps"},
                            {"server.io_threads", "0"},
                            {"limits.queries_per_second", "-1"},
                            {"server.tls_cert", "x.pem"}}) {
    Result<Config> config = Config::Load({}, {}, {{key, value}});
    ASSERT_FALSE(config.ok()) << key << " = " << value;
    EXPECT_NE(config.error().message.find(key), std::string::npos);
  }
}

TEST(Config, ReadsSizesAndLists) {
  Result<Config> config = Config::Load(
      {}, {}, {{"limits.body_bytes", "2 MiB"}, {"live.log_bytes", "3g"}, {"server.origins", "http://a, http://b,"}});
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->Bytes("limits.body_bytes"), 2u << 20);
  EXPECT_EQ(config->Bytes("live.log_bytes"), 3ull << 30);
  EXPECT_EQ(config->List("server.origins"), (std::vector<std::string>{"http://a", "http://b"}));
}

TEST(Config, EnvironmentNames) {
  std::vector<std::string> warnings;
  const char* good[] = {"PATH=/bin", "KALAMDB_LIMITS_BODY_BYTES=77", "KALAMDB_ROOT_PASSWORD=x",
                        "KALAMDB_PORT=tcp://10.0.0.1:80", nullptr};
  Result<ConfigTexts> texts = ReadEnvironment(good, &warnings);
  ASSERT_TRUE(texts.ok());
  EXPECT_EQ(*texts, (ConfigTexts{{"limits.body_bytes", "77"}}));
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("KALAMDB_PORT"), std::string::npos);
  const char* bad[] = {"KALAMDB_LIMITS_NONSENSE=1", nullptr};
  EXPECT_FALSE(ReadEnvironment(bad, &warnings).ok());
}

TEST(Config, FilesAreTomlAndWhatIsPrintedReadsBack) {
  TempDirectory directory;
  const std::string path = directory.File("k.toml");
  ASSERT_TRUE(WriteFileAtomically(path,
                                  "[limits]\nbody_bytes = 5\n[server]\norigins = [\"http://a\", "
                                  "'http://b']\n[storage]\nauto_compaction = false\n")
                  .ok());
  Result<ConfigTexts> texts = ReadConfigFile(path);
  ASSERT_TRUE(texts.ok()) << texts.error().message;
  Result<Config> config = Config::Load(*texts, {}, {});
  ASSERT_TRUE(config.ok());
  EXPECT_FALSE(config->Bool("storage.auto_compaction"));
  EXPECT_EQ(config->List("server.origins").size(), 2u);
  EXPECT_NE(config->Print().find("limits.body_bytes = 5 # file\n"), std::string::npos);
  ASSERT_TRUE(WriteFileAtomically(path, config->Print()).ok());
  Result<ConfigTexts> again = ReadConfigFile(path);
  ASSERT_TRUE(again.ok()) << again.error().message;
  Result<Config> same = Config::Load(*again, {}, {});
  ASSERT_TRUE(same.ok()) << same.error().message;
  EXPECT_TRUE(same->Differences(*config).empty());
  ASSERT_TRUE(WriteFileAtomically(path, "[limits]\nbody_bytes = 5\nnonsense = 1\n").ok());
  Result<ConfigTexts> bad = ReadConfigFile(path);
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.error().message.find("limits.nonsense"), std::string::npos);
  EXPECT_NE(bad.error().message.find("line 3"), std::string::npos);
  for (const char* text : {"limits = [\n", "[/limits]\n", "[ \x01]\n", "[limits\n", "= 5\n", "c \u1482b = 1\n",
                           "a = 0[\"\u044d\"]\n", "limits.body_bytes 5\n"}) {
    ASSERT_TRUE(WriteFileAtomically(path, text).ok());
    bad = ReadConfigFile(path);
    ASSERT_FALSE(bad.ok()) << text;
    EXPECT_EQ(bad.error().code, ErrorCode::kInvalidParameter);
    EXPECT_NE(bad.error().message.find("configuration file"), std::string::npos) << bad.error().message;
  }
}

TEST(Config, WhatIsPrintedReadsBackWhateverTheTexts) {
  Result<Config> config = Config::Load({}, {},
                                       {{"server.data_dir", "a\n\"b\\\x7f\x01é"},
                                        {"storage.copy_directories", "/a , /b\t/c,,"},
                                        {"limits.queries_per_second", ".5"},
                                        {"limits.messages_per_second", "1e15"}});
  ASSERT_TRUE(config.ok()) << config.error().message;
  Result<ConfigTexts> texts = ParseConfigFile(config->Print());
  ASSERT_TRUE(texts.ok()) << texts.error().message;
  Result<Config> same = Config::Load(*texts, {}, {});
  ASSERT_TRUE(same.ok()) << same.error().message;
  EXPECT_EQ(same->Differences(*config), std::vector<std::string>());
  EXPECT_EQ(same->Number("limits.queries_per_second"), 0.5);
}

TEST(Config, EveryKeyIsDocumentedAndItsDefaultIsValid) {
  EXPECT_TRUE(Config::Load({}, {}, {}).ok());
  for (const ConfigKey& key : ConfigKeys()) {
    EXPECT_TRUE(key.about.ends_with(".")) << key.name;
    EXPECT_EQ(FindConfigKey(key.name), &key) << "twice in the table";
  }
}

}  // namespace
}  // namespace kalamdb::cli
