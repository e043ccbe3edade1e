// Where one mark ends and the next begins, in texts of which only the words between them are known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// What both begin (end) with, without a tag that is cut in the middle: <…> or […].
std::string_view common_beginning(std::string_view first, std::string_view second);
std::string_view common_ending(std::string_view first, std::string_view second);
std::string_view without_ending(std::string_view text, std::string_view ending);
std::string_view without_beginning(std::string_view text, std::string_view beginning);
std::string without_space(std::string_view text);
// The one tag at the beginning; else all.
std::string_view first_tag(std::string_view text);
std::string_view last_tag_of(std::string_view text);
// What the mark may be that this one closes: <x> of </x>.
std::vector<std::string> mirrored(std::string_view close);
// The tags that a text consists of, without those that are in the list; of what is no tag, all as one.
void add_tags(std::string_view text, std::vector<std::string_view>& tags);
// What is alike in two texts, in pieces.
std::vector<std::string> alike(std::string_view first, std::string_view second);

}  // namespace hearth
