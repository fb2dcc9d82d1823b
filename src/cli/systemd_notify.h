// Telling systemd where the server stands (sd_notify by hand). Does nothing where NOTIFY_SOCKET is not set.
#pragma once

#include <string_view>

namespace kalamdb::cli {

// "READY=1", "STOPPING=1", "STATUS=…".
void NotifySystemd(std::string_view state);

}  // namespace kalamdb::cli
