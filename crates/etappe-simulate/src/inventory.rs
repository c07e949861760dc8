//! What there is to draw from: products, names, searches, devices. All of it is invented.

/// A product of the garden shop: its name, category and price in cents.
#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) category: &'static str,
    pub(crate) cents: i64,
}

const fn product(
    id: &'static str,
    name: &'static str,
    category: &'static str,
    cents: i64,
) -> Product {
    Product {
        id,
        name,
        category,
        cents,
    }
}

/// The range.
pub(crate) const PRODUCTS: [Product; 14] = [
    product("rake", "Leaf rake", "tools", 2_495),
    product("spade", "Border spade", "tools", 3_950),
    product("shears", "Hedge shears", "tools", 4_495),
    product("gloves", "Garden gloves", "clothing", 1_250),
    product("boots", "Rubber boots", "clothing", 5_995),
    product("bulbs", "Tulip bulbs, 50", "plants", 1_895),
    product("lavender", "Lavender, 6 pots", "plants", 2_140),
    product("hydrangea", "Hydrangea", "plants", 2_795),
    product("feeder", "Bird feeder", "animals", 1_675),
    product("nest-box", "Nest box", "animals", 2_350),
    product("hose", "Garden hose, 30 m", "water", 4_950),
    product("butt", "Water butt, 200 l", "water", 8_900),
    product("bench", "Oak bench", "furniture", 24_900),
    product("lantern", "Lantern", "furniture", 3_195),
];

/// Searches in the shop.
pub(crate) const SEARCHES: [&str; 8] = [
    "tulips",
    "rake",
    "bench",
    "birds",
    "hose",
    "gloves size 9",
    "lavender",
    "gift",
];

/// First names.
pub(crate) const FIRST_NAMES: [&str; 24] = [
    "Anna", "Bram", "Carla", "Daan", "Eva", "Finn", "Greet", "Hugo", "Iris", "Jan", "Kim", "Lars",
    "Mila", "Noor", "Otto", "Pien", "Quin", "Rosa", "Sem", "Tess", "Umit", "Vera", "Wout", "Yara",
];

/// Family names.
pub(crate) const LAST_NAMES: [&str; 20] = [
    "Akkerveld",
    "Berkhout",
    "Duinstra",
    "Elzinga",
    "Fonteyn",
    "Grasduin",
    "Heideman",
    "IJsbrand",
    "Kersenhof",
    "Lindeboom",
    "Moerland",
    "Nachtegaal",
    "Olmstra",
    "Perelaar",
    "Rietveen",
    "Sluiskamp",
    "Tuinhout",
    "Veldkers",
    "Wilgenhof",
    "Zandhuis",
];

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceKind {
    Desktop,
    Mobile,
    Tablet,
}

/// User agents, with the kind of their device.
pub(crate) const USER_AGENTS: [(DeviceKind, &str); 7] = [
    (
        DeviceKind::Desktop,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
    ),
    (
        DeviceKind::Desktop,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Safari/605.1.15",
    ),
    (
        DeviceKind::Desktop,
        "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0",
    ),
    (
        DeviceKind::Mobile,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1",
    ),
    (
        DeviceKind::Mobile,
        "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36",
    ),
    (
        DeviceKind::Mobile,
        "Mozilla/5.0 (Linux; Android 14; SM-A546B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36",
    ),
    (
        DeviceKind::Tablet,
        "Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
    ),
];

/// The user agent of the crawler that looks at the shop's pages.
pub(crate) const CRAWLER: &str =
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
