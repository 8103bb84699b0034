//! Characters that are not seen, or that change how others are read. In a name
//! they make two that look alike, or one that reads as another. Pure.

/// What is wrong with a name that has one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// Cc, and the two separators of lines and paragraphs.
    Control,
    /// U+202E and its like: the text runs the other way.
    Direction,
    /// Takes no room, or shows nothing.
    Invisible,
}

impl Hidden {
    /// To follow "It has".
    pub fn words(self) -> &'static str {
        match self {
            Self::Control => "a control character",
            Self::Direction => "a character that changes the direction of the text",
            Self::Invisible => "a character that can't be seen",
        }
    }
}

/// Cc, Cf and the rest of Unicode's Default_Ignorable_Code_Point, but for the
/// selectors of how an emoji is drawn, which [`find`] takes where they belong.
pub fn kind(c: char) -> Option<Hidden> {
    Some(match c {
        c if c.is_control() => Hidden::Control,
        '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}' => Hidden::Control,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Hidden::Direction
        }
        '\u{ad}'
        | '\u{34f}'
        | '\u{600}'..='\u{605}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{890}'
        | '\u{891}'
        | '\u{8e2}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        // Braille without a dot.
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0d}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}'
        | '\u{110bd}'
        | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Hidden::Invisible,
        _ => return None,
    })
}

/// For text of another machine, which is shown with these left out.
pub fn is_hidden(c: char) -> bool {
    kind(c).is_some()
}

/// The first one in a name that someone gives.
pub fn find(text: &str) -> Option<Hidden> {
    let mut before = None;
    text.chars().find_map(|c| {
        // After a sign it chooses between a drawing and a letter; else it is only hidden.
        let selects = matches!(c, '\u{fe0e}' | '\u{fe0f}');
        let alone = before.is_none_or(|before: char| before.is_alphabetic() || before == ' ');
        before = Some(c);
        kind(c).or((selects && alone).then_some(Hidden::Invisible))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_found() {
        for (text, wanted) in [
            ("a\tb", Hidden::Control),
            ("a\u{0}", Hidden::Control),
            ("a\u{85}b", Hidden::Control),
            ("a\u{2028}b", Hidden::Control),
            ("evil\u{202e}gnp.exe", Hidden::Direction),
            ("\u{2066}a\u{2069}", Hidden::Direction),
            ("a\u{200f}", Hidden::Direction),
            ("a\u{61c}", Hidden::Direction),
            ("web\u{200b}1", Hidden::Invisible),
            ("we\u{200d}b", Hidden::Invisible),
            ("we\u{ad}b", Hidden::Invisible),
            ("\u{feff}web", Hidden::Invisible),
            ("web\u{2060}", Hidden::Invisible),
            ("web\u{3164}", Hidden::Invisible),
            ("web\u{fe0f}", Hidden::Invisible),
            ("web\u{fe00}", Hidden::Invisible),
            ("web\u{e0041}", Hidden::Invisible),
            ("web\u{e0100}", Hidden::Invisible),
            ("\u{2800}", Hidden::Invisible),
        ] {
            assert_eq!(find(text), Some(wanted), "{text:?}");
        }
    }

    #[test]
    fn names_of_any_language_are_free_of_it() {
        for text in [
            "pi4",
            "Küche ☕ Nr. 7",
            "сервер",
            "服务器-1",
            "שרת",
            "الخادم",
            "❤\u{fe0f} pi",
            "1\u{fe0f}\u{20e3}",
            "हिन्दी",
            "e\u{301}",
        ] {
            assert_eq!(find(text), None, "{text:?}");
        }
    }
}
