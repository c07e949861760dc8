//! Everybody who lives in a simulation, and all that they do.

use crate::Settings;
use crate::act::Act;
use crate::calendar::Calendar;
use crate::dice::{Dice, mix};
use crate::inventory::{CRAWLER, DeviceKind, FIRST_NAMES, LAST_NAMES, USER_AGENTS};
use crate::persona::{Channel, Persona};

/// Where something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On a page of the shop, on the device with this number.
    Web(usize),
    /// In a mail program or a feed, away from the shop's pages.
    Elsewhere(usize),
    /// In the shop itself.
    Shop,
    /// On the telephone.
    Phone,
    /// In the shop's own systems.
    Office,
}

/// One thing that a person did.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Happening {
    /// When, in milliseconds.
    pub(crate) at: i64,
    /// The number of the person.
    pub(crate) person: usize,
    /// What.
    pub(crate) act: Act,
    /// Where.
    pub(crate) place: Place,
    /// How the person came, if this is where they arrived or what brought them.
    pub(crate) channel: Option<Channel>,
    /// The person whose referral code it carries.
    pub(crate) code_of: Option<usize>,
}

/// A device that somebody uses.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    /// The id that the shop's pages gave to it.
    pub(crate) id: String,
    /// What it is.
    pub(crate) kind: DeviceKind,
    /// How its browser calls itself.
    pub(crate) user_agent: &'static str,
    /// The number of people who use it.
    pub(crate) users: u32,
}

/// Somebody.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// The one id that all their events carry.
    pub(crate) id: String,
    /// The first and the last name.
    pub(crate) name: (&'static str, &'static str),
    /// What kind of person; `None` for a crawler.
    pub(crate) persona: Option<Persona>,
    /// The numbers of the devices they use.
    pub(crate) devices: Vec<usize>,
    /// The code that they give to friends.
    pub(crate) code: String,
    /// Whether the shop never learns who they are, and knows their device only.
    pub(crate) is_unknown: bool,
}

/// An invitation that a friend will follow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Invitation {
    /// The number of the person who invites.
    pub(crate) inviter: usize,
    /// When the friend comes.
    pub(crate) comes: i64,
}

/// The state of a simulation.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) dice: Dice,
    pub(crate) calendar: Calendar,
    pub(crate) people: Vec<Person>,
    pub(crate) devices: Vec<Device>,
    pub(crate) happenings: Vec<Happening>,
    pub(crate) invitations: Vec<Invitation>,
    /// From when on paying by telephone mostly fails.
    pub(crate) trouble: i64,
    orders: u32,
    fingerprint: u64,
}

impl World {
    /// Makes an empty world.
    pub(crate) fn new(settings: &Settings) -> Self {
        let calendar = Calendar::new(settings.zone, settings.end, settings.days);
        let length = i64::from(settings.days) * crate::calendar::DAY;
        Self {
            dice: Dice::new(settings.seed),
            trouble: calendar.end() - length / 4,
            calendar,
            people: Vec::new(),
            devices: Vec::new(),
            happenings: Vec::new(),
            invitations: Vec::new(),
            orders: 0,
            fingerprint: settings.fingerprint(),
        }
    }

    /// Adds a person and returns their number.
    pub(crate) fn add_person(&mut self, persona: &Persona) -> usize {
        let number = self.people.len();
        let devices = self.devices_for(persona);
        let (first, last) = (self.dice.one(&FIRST_NAMES), self.dice.one(&LAST_NAMES));
        let id = self.id("p", number);
        self.people.push(Person {
            code: format!("{}-{}", first.to_uppercase(), base36(number)),
            id,
            name: (first, last),
            persona: Some(*persona),
            devices,
            is_unknown: false,
        });
        number
    }

    /// Adds a crawler, whose events are those of a machine.
    pub(crate) fn add_crawler(&mut self) -> usize {
        let number = self.people.len();
        let device = self.add_device(DeviceKind::Desktop, CRAWLER);
        let id = self.devices[device].id.clone();
        self.people.push(Person {
            id,
            name: ("", ""),
            persona: None,
            devices: vec![device],
            code: String::new(),
            is_unknown: true,
        });
        number
    }

    /// Draws what a person uses: their own devices, or now and then that of somebody they live with.
    fn devices_for(&mut self, persona: &Persona) -> Vec<usize> {
        let is_mobile = self.dice.chance(persona.mobile);
        let mut devices = vec![self.draw_device(is_mobile)];
        if self.dice.chance(persona.second_device) {
            devices.push(self.draw_device(!is_mobile));
        }
        if !self.people.is_empty() && self.dice.chance(0.05) {
            let owner = self.dice.index(self.people.len());
            devices[0] = self.people[owner].devices[0];
            self.devices[devices[0]].users += 1;
        }
        devices
    }

    fn draw_device(&mut self, is_mobile: bool) -> usize {
        let kind = match (is_mobile, self.dice.chance(0.1)) {
            (_, true) => DeviceKind::Tablet,
            (true, false) => DeviceKind::Mobile,
            (false, false) => DeviceKind::Desktop,
        };
        let of_kind: Vec<&str> = USER_AGENTS
            .iter()
            .filter(|(its, _)| *its == kind)
            .map(|(_, agent)| *agent)
            .collect();
        let agent = of_kind[self.dice.index(of_kind.len())];
        self.add_device(kind, agent)
    }

    fn add_device(&mut self, kind: DeviceKind, user_agent: &'static str) -> usize {
        let number = self.devices.len();
        let id = self.id("d", number);
        self.devices.push(Device {
            id,
            kind,
            user_agent,
            users: 1,
        });
        number
    }

    /// Returns the number of a new order.
    pub(crate) const fn next_order(&mut self) -> u32 {
        self.orders += 1;
        self.orders
    }

    /// Notes something that a person did.
    pub(crate) fn note(&mut self, person: usize, at: i64, act: Act, place: Place) {
        self.happenings.push(Happening {
            at,
            person,
            act,
            place,
            channel: None,
            code_of: None,
        });
    }

    /// Adds to what was noted last how the person came.
    pub(crate) fn by_channel(&mut self, channel: Channel) {
        if let Some(last) = self.happenings.last_mut() {
            last.channel = Some(channel);
        }
    }

    /// Adds to what was noted last whose referral code it carries.
    pub(crate) fn with_code_of(&mut self, owner: Option<usize>) {
        if let Some(last) = self.happenings.last_mut() {
            last.code_of = owner;
        }
    }

    /// Returns an id that another seed, size or time would not give. Ten digits keep it readable.
    fn id(&self, kind: &str, number: usize) -> String {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let mixed = mix(self.fingerprint, mix(number, u64::from(kind.as_bytes()[0])));
        format!("{kind}-{:010x}", mixed >> 24)
    }
}

/// Writes a number with digits and letters.
pub(crate) fn base36(number: usize) -> String {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut left = number;
    let mut text = Vec::new();
    loop {
        text.push(char::from(DIGITS[left % 36]));
        left /= 36;
        if left == 0 {
            return text.iter().rev().collect();
        }
    }
}
