"""Words that are brands and ordinary words at once: such names count only as they are written."""

from __future__ import annotations

COMMON_WORDS = frozenset(
    """
    acorn agile air alliance ally amazon amp anchor anthem apex apple arc arch ark arrow aspire atlas audible aurora
    avid away axis balance bamboo base basis beacon bear bench best beyond bird bit blaze block bloom blue bolt bond
    boost boots box branch brave breeze bridge bright bubble buffer bumble bundle burger business buzz cable calm
    canvas capital caption carbon card casper catalyst chase chrome circle clay clear clever close cloud clover
    coach cobalt coda common compass concord convoy copper coral core corner craft crane credo crisp crown cube
    current dash delta dialog discord discover dish dove draft dream drift drip drop dropbox duo eagle earth echo
    eclipse edge element ember embrace envoy epic equinox ever express fable faire falcon feather field figure flame
    flash fleet flex flow focus force ford forge form forward fox frame fresh front fuse gap gem genius gentle giant
    glide globe go gold good grain grid grove guardian guide gusto harbor harvest haven hero hey hi hinge hive home
    honey hood hopper horizon hotspot hub hunter icon ideal impact indeed indigo insight instant intuit iris iron
    jam java jet jewel joy jump kayak keep key kindle kit lamp lark lattice launch leaf legend lemon lever liberty
    life light lime line linear link lion little live local loom loop lotus lucid lunar lush magic mango maple march
    mars mask maze medium mercury mesh meta method metro mint miro mirror monday monster moon mosaic motion mural
    natural nest new next nimble noble north note notion nova oasis ocean octopus offset olive one open opera oracle
    orange orbit origin outlook oxygen page palm panda paper parallel patch path peach peak pearl people pilot pine
    pioneer pixel plaid plan planet play plum pocket point polar poppy portal post prime prism process progress
    progressive promise pulse puma pure python quest quick quill radar radius rain ramp rapid reach react ready
    record red relay remote replay reserve resolve ribbon ring ripple rise river roam robin rock rocket root rose
    ruby rush rust safari sage sail salt sand scale scout seed segment sense shell shift signal silk simple sketch
    sky slack slice smart snap snow social solid sonic source south spark speed spike spirit splash spoke spot
    spring sprint sprout square squirrel stack staples star stash state station steam steel step stone storm stream
    stride stripe studio style subway summit sun surface surge swan swift switch sync table tag target teams tempo
    thread tidal tide tiger time titan toast today total touch tower track trade trail tribe trim triumph true trust
    tune twin union unite unity up urban vanguard vault vector venture verge vertex vibe victory view virgin visa
    vision vista vital voice volt wave way wealth web west whisper wild willow wind windows wing wise wish wolf
    wonder word work works world yard yeti yield young zen zero zest zone zoom
    """.split()  # noqa: SIM905
)

# Legal forms follow other companies' names: "Nestlé SA" does not name a brand called SA.
LEGAL_FORMS = frozenset(
    """
    ab ad ag aps as asa bhd bv co company corp corporation dd doo gk gmbh group holding holdings inc incorporated
    kft kg kgaa kk limited llc llp lp ltd mbh nv nyrt oao ohg ooo oy oyj pao plc pte pty pvt sa sarl sas sdn se sl
    spa srl sro ug zrt
    """.split()  # noqa: SIM905
)

# Words that may start a sentence before a name; any other capitalised word owns the legal form after it.
SENTENCE_STARTERS = frozenset(
    """
    a according also and are as at both but by can choose consider did do does for from has how if in is it like my
    of on or our see since so than that the their then these this to try unlike use using was we were what when
    where which while who why with would your
    """.split()  # noqa: SIM905
)
