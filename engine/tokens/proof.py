"""Texts on which two tokenizers of one vocabulary differ if they differ anywhere."""

from __future__ import annotations

_SCRIPTS = """The don't I'LL we've you're He'd it's Y'all 'tis O'Neill's naïve café ﬁn xʰy データ々
Straße
ǅ ſ K
Ünïcödé Ελληνικά ΣΊΣΥΦΟΣ Русский текст Українська Հայերեն ქართული ᏣᎳᎩ አማርኛ
עברית עִבְרִית‏ العربية اَلْعَرَبِيَّةُ فارسی‌ها اردو ١٢٣٤ ۱۲۳ हिन्दी की १२३ தமிழ் తెలుగు বাংলা ไทยแลนด์ ລາວ
မြန်မာ ខ្មែរ བོད་ 中文文字，标点。「日本語」のカタカナ・ひらがなｶﾀｶﾅ 한국어 각 𠮷野家 𝒳𝟘𝟙 Ⅷ ½ ² ①
e\u0301 o\u0308\u0323 a\u030a\u0301 q\u0307\u0323 Å ∑∫≤≠ → ¿¡ € £ ™ © « » “quoted” ‘single’ – — … •
🙂 👩‍👩‍👧‍👦 👍🏽 🇨🇦🇫🇷 ❤️ 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿"""
_CODE = """def f(self, *args: int) -> dict[str, float]:\n
\tif x != y and not(a<=b):\n\t\treturn {**z}
\n\n    # comment -----\n        for (int i = 0; i < n; ++i) {
 a[i] += 1e-9 * 0xFFu; }\r\n\r\n\tx = "\\n\\t";;;
https://example.org/a_b-c?d=%20&e=f#g user.name@host.com /usr/lib/x86_64-linux-gnu snake_case
camelCase
<div class="a b">&nbsp;</div> $HOME ${x} `ls -la` ~~~ *** ___ <<<< >>>> |---|:-:|
\\frac{a}{b} C++ v1.2.3
"""
_NUMBERS = (
    "0 12 123 1234 12345 123456 1,234,567.89 3.14159 2026-11-26 12:59:01 +49 007 x1y22z333 5km"
)
_RUNS = (
    " ",
    "\n",
    "\t",
    "\r\n",
    "\u00a0",
    "\u3000",
    "-",
    "=",
    "*",
    "#",
    "0",
    "a",
    "é",
    "中",
    ".",
    "🙂",
)
_CONTROLS = (*range(32), 0x7F, 0x80, 0x85, 0x9F, 0xAD, 0x180E, 0x200B, 0x200D, 0x2028, 0x2029)
_CONTROLS = (*_CONTROLS, 0x2060, 0xFEFF, 0xFFFD, 0xE000, 0xFFFF, 0x10FFFF)
_LONG = "Donaudampfschifffahrtsgesellschaft" * 12 + "pneumonoultramicroscopic" * 9 + "x" * 999

NEWEST = (  # letters, digits and marks of Unicode 15 to 17, which not all libraries know
    0x0CF3, 0x10EFD, 0x11F00, 0x11F50, 0x1D2C0, 0x1E4D0, 0x1E4F0, 0x31350, 0x2EBF0, 0x1C89, 0xA7CB,
    0xA7DA, 0x105C0, 0x10D40, 0x10D4A, 0x11380, 0x11BC0, 0x16100, 0x16D40, 0x1CCF0, 0x1E5D0,
    0xA7CE, 0xA7D2, 0x088F, 0x10EC5, 0x11DB0, 0x11DE0, 0x16EA0, 0x323B0, 0x1E6C0,
)  # fmt: skip


def texts() -> list[str]:
    """The texts, to be encoded one by one."""
    runs = [
        f"x{run * count}y {run * count}" for run in _RUNS for count in (*range(1, 40), 129, 300)
    ]
    controls = "".join(
        f"a{chr(code)}b {chr(code)}{chr(code)}c1{chr(code)}2\n" for code in _CONTROLS
    )
    newest = "".join(f"a{chr(code)}b {chr(code)} 1{chr(code)}2 .{chr(code)}." for code in NEWEST)
    blanks = "".join(
        f"a{' ' * i}{end}{' ' * j}b" for i in range(4) for j in range(4) for end in "\n\t\r"
    )
    return ["", _SCRIPTS, _CODE * 2, _NUMBERS, "\n".join(runs), controls, newest, blanks, _LONG]
