// Configuration files: a text is refused, or it loads; what then is printed loads to the same.
#include <string>

#include "base/error.h"
#include "cli/config.h"
#include "fuzz.h"

namespace kalamdb::fuzz {

void Run(std::string_view in) {
  const auto texts = cli::ParseConfigFile(in);
  if (!texts.ok()) {
    KALAM_CHECK(texts.error().code == ErrorCode::kInvalidParameter);
    return;
  }
  const auto config = cli::Config::Load(*texts, {}, {});
  if (!config.ok()) return;
  const auto again = cli::ParseConfigFile(config->Print());
  KALAM_CHECK(again.ok());
  const auto same = cli::Config::Load(*again, {}, {});
  KALAM_CHECK(same.ok() && same->Differences(*config).empty());
}

}  // namespace kalamdb::fuzz
