// SPDX-License-Identifier: GPL-2.0-or-later
//
// The picture of one case run as SVG: phases and marks along the top, one lane a VM with its run state in colour, its
// events as ticks, and the names of its migration statuses. Places along the time are per cent of the width and text
// keeps its size, so one picture serves wide and narrow screens; words for which a narrow one has no room are of the
// class "w", which the style sheet hides there.
//
// Its size is bounded, whatever the case did: what would fall on the same spot is drawn once.
#pragma once

#include <string>

#include "json.h"

namespace report
{

/// `record` is as ResultsFile has checked it; what is nearer together than `spot`, in per cent of the width, is drawn
/// as one. The SVG, and below it the meaning of the colours that occur in it.
std::string picture_of(const qtest::Json& record, double spot);

} // namespace report
