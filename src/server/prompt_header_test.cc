// What is taken out of the head of a system prompt, and what must stay.
#include "server/prompt_header.h"

#include <gtest/gtest.h>

namespace hearth {
namespace {

TEST(PromptHeader, BillingGoes) {
  EXPECT_EQ(stable_system_text("x-anthropic-billing-header: cc_version=2; cch=17;\nBe brief."), "Be brief.");
  EXPECT_EQ(stable_system_text("X-Other-Billing-Id: 3\n\nBe brief."), "\nBe brief.");
  EXPECT_EQ(stable_system_text("x-anthropic-billing-header: 1"), "");
}

TEST(PromptHeader, OfTimesTheDateStays) {
  for (const char* time : {"2026-11-29T20:11:05Z", "2026-11-29 20:11", "2026-11-29 20:11:05.123456 UTC",
                           "2026-11-29T20:11:05.1+01:00", "2026-11-29, 8:11:05 PM", "2026-11-29T20:11:05 +0100"}) {
    EXPECT_EQ(stable_system_text("Current time: " + std::string(time) + "\nBe brief."),
              "Current time: 2026-11-29\nBe brief.")
        << time;
  }
  EXPECT_EQ(stable_system_text("x-a-billing-header: 1\nToday's date: Sun Nov 29 20:11:05 UTC 2026\n\nBe brief."),
            "Today's date: Sun Nov 29 2026\n\nBe brief.");
  EXPECT_EQ(stable_system_text("**Current date and time**: 29.11.2026 20:11\nBe brief."),
            "**Current date and time**: 29.11.2026\nBe brief.");
}

TEST(PromptHeader, AllElseStays) {
  for (const char* text :
       {"", "\n", "Be brief.", "Be brief.\nx-anthropic-billing-header: 1", "Today: 2026-11-29\nBe brief.",
        "Be brief.\nCurrent time: 2026-11-29T20:11:05Z", "Time: 20:11\nThe train's.",
        "Meeting time: 2026-11-29 20:11\nYou plan meetings.", "Date: the 20:11 train", "billing: none"}) {
    EXPECT_EQ(stable_system_text(text), text);
  }
}

}  // namespace
}  // namespace hearth
