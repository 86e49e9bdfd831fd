"""Documents by which mail programs set themselves up: the steps, and the page for people."""

TEXTS = {
    "clients.name.put": "Documents for mail programs",
    "clients.name.signed": "Signed profiles for Apple devices",
    "clients.signed": "the profiles are signed with the certificate that is installed",
    "clients.not_signed": "the profiles for Apple devices could not be signed",
    "clients.page.title": "Settings for mail programs",
    "clients.page.automatic": "Thunderbird and many others find these settings by themselves: enter your address and password.",
    "clients.page.imap": "Incoming mail (IMAP)",
    "clients.page.smtp": "Outgoing mail (SMTP)",
    "clients.page.pop": "Incoming mail (POP3)",
    "clients.page.port": "port {port}, SSL/TLS",
    "clients.page.user": "User name",
    "clients.page.whole_address": "your whole e-mail address, for both; password: normal",
    "clients.page.apple": "iPhone, iPad, Mac",
    "clients.page.apple_how": "Open the profile of your domain in Safari, then install it in Settings, where it is shown as downloaded. It asks for your address and password.",
}
