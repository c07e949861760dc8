//! What people do: the events of a web shop, and the stage that each of them means.

/// A stage of the model `aaarrr`, lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    Awareness,
    Acquisition,
    Activation,
    Retention,
    Revenue,
    Referral,
}

impl Stage {
    /// All stages in order.
    pub(crate) const ALL: [Self; 6] = [
        Self::Awareness,
        Self::Acquisition,
        Self::Activation,
        Self::Retention,
        Self::Revenue,
        Self::Referral,
    ];

    /// The stages that everybody passes on the way to later ones.
    pub(crate) const GATES: [Self; 4] = [
        Self::Awareness,
        Self::Acquisition,
        Self::Activation,
        Self::Revenue,
    ];

    /// Returns the stage's id.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Awareness => "awareness",
            Self::Acquisition => "acquisition",
            Self::Activation => "activation",
            Self::Retention => "retention",
            Self::Revenue => "revenue",
            Self::Referral => "referral",
        }
    }

    /// Returns whether everybody passes the stage.
    pub(crate) fn is_gate(self) -> bool {
        Self::GATES.contains(&self)
    }

    /// Returns whether only an event of the stage itself passes it: nobody pays without paying.
    pub(crate) const fn needs_own_event(self) -> bool {
        matches!(self, Self::Revenue)
    }
}

/// Something that a person does, or that happens to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Saw an advertisement.
    AdSeen,
    /// Opened a newsletter.
    MailOpened,
    /// Saw the home page.
    HomeSeen,
    /// Saw a page about the shop itself.
    AboutSeen,
    /// Looked through a list of products.
    ListSeen,
    /// Looked at a product, by its place in the range.
    ProductSeen(usize),
    /// Searched in the shop.
    Searched(usize),
    /// Joined the newsletter.
    NewsletterJoined,
    /// Left the newsletter.
    Unsubscribed,
    /// Asked to be called.
    CallbackAsked,
    /// Made an account.
    SignedUp,
    /// Said who they are; no event.
    Introduced,
    /// Confirmed the account.
    AccountActivated,
    /// Signed in to the account.
    SignedIn,
    /// Put a product in the cart.
    ProductAdded(usize),
    /// Looked into the cart.
    CartSeen,
    /// Began to check out.
    CheckoutStarted,
    /// Entered how to pay.
    PaymentEntered,
    /// The payment failed.
    PaymentFailed,
    /// Chose gift wrap; no vocabulary knows the name.
    GiftWrapChosen,
    /// Bought: the order's number, the amount in cents, the product.
    Ordered {
        order: u32,
        cents: i64,
        product: usize,
    },
    /// The goods arrived.
    Delivered { order: u32 },
    /// The order was called off.
    Cancelled { order: u32 },
    /// Money was paid back.
    Refunded { order: u32, cents: i64 },
    /// Answered how likely they are to recommend the shop.
    Surveyed { score: u8 },
    /// Reviewed a product in public, with one to five stars.
    Reviewed { product: usize, stars: u8 },
    /// Invited a friend.
    Invited,
    /// Shared a product with their own code.
    Shared(usize),
    /// Asked for help.
    HelpAsked,
    /// Was helped.
    HelpGiven,
    /// Joined the loyalty scheme at the till.
    LoyaltyJoined,
}

impl Act {
    /// Returns the name of the event; `page` and `identify` are kinds of message.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AdSeen => "Promotion Viewed",
            Self::MailOpened => "Email Opened",
            Self::HomeSeen | Self::AboutSeen => "page",
            Self::ListSeen => "Product List Viewed",
            Self::ProductSeen(_) => "Product Viewed",
            Self::Searched(_) => "Products Searched",
            Self::NewsletterJoined => "Newsletter Subscribed",
            Self::Unsubscribed => "Unsubscribed",
            Self::CallbackAsked => "Callback Requested",
            Self::SignedUp => "Signed Up",
            Self::Introduced => "identify",
            Self::AccountActivated => "Account Activated",
            Self::SignedIn => "Signed In",
            Self::ProductAdded(_) => "Product Added",
            Self::CartSeen => "Cart Viewed",
            Self::CheckoutStarted => "Checkout Started",
            Self::PaymentEntered => "Payment Info Entered",
            Self::PaymentFailed => "Payment Failed",
            Self::GiftWrapChosen => "Gift Wrap Chosen",
            Self::Ordered { .. } => "Order Completed",
            Self::Delivered { .. } => "Order Delivered",
            Self::Cancelled { .. } => "Order Cancelled",
            Self::Refunded { .. } => "Order Refunded",
            Self::Surveyed { .. } => "Survey Completed",
            Self::Reviewed { .. } => "Product Reviewed",
            Self::Invited => "Invite Sent",
            Self::Shared(_) => "Product Shared",
            Self::HelpAsked => "Support Requested",
            Self::HelpGiven => "Ticket Resolved",
            Self::LoyaltyJoined => "Loyalty Program Joined",
        }
    }

    /// Returns whether it counts as an event; saying who somebody is does not.
    pub(crate) const fn is_event(self) -> bool {
        !matches!(self, Self::Introduced)
    }

    /// Returns the stage that it means; `None` for what says nothing about where somebody is.
    pub(crate) const fn stage(self) -> Option<Stage> {
        let stage = match self {
            Self::Introduced | Self::Unsubscribed | Self::GiftWrapChosen => return None,
            Self::AdSeen | Self::MailOpened => Stage::Awareness,
            Self::HomeSeen
            | Self::AboutSeen
            | Self::ListSeen
            | Self::ProductSeen(_)
            | Self::Searched(_)
            | Self::NewsletterJoined
            | Self::CallbackAsked => Stage::Acquisition,
            Self::SignedUp
            | Self::AccountActivated
            | Self::ProductAdded(_)
            | Self::CartSeen
            | Self::CheckoutStarted
            | Self::PaymentEntered
            | Self::PaymentFailed => Stage::Activation,
            Self::SignedIn
            | Self::Delivered { .. }
            | Self::Surveyed { .. }
            | Self::HelpAsked
            | Self::HelpGiven
            | Self::LoyaltyJoined => Stage::Retention,
            Self::Ordered { .. } | Self::Cancelled { .. } | Self::Refunded { .. } => Stage::Revenue,
            Self::Reviewed { .. } | Self::Invited | Self::Shared(_) => Stage::Referral,
        };
        Some(stage)
    }
}
