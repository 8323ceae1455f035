"""The rows that every client loads, the same each time they are made, and a sum over key and values that no order changes."""

import csv
import hashlib

FIELDS = [
    "External_Id__c",
    "Name",
    "Industry",
    "Phone",
    "BillingStreet",
    "BillingCity",
    "BillingPostalCode",
    "NumberOfEmployees",
    "Annual_Spend__c",
]
KEY = FIELDS[0]
NUMBERS = {"NumberOfEmployees", "Annual_Spend__c"}

FIRST = ["Northwind", "Blue Ridge", "Müller & Söhne", "Atlas", "Riverside", "São Paulo", "Evergreen", 'The "Old" Mill', "Kjær", "Summit", "Lakeview", "O'Hara"]
TRADE = ["Logistics", "Foods", "Dental, Medical", "Instruments", "Textiles", "Consulting", "Marine", "Printing", "Energy", "Timber", "Optics"]
FORM = ["GmbH", "Ltd.", "Inc.", "LLC", "A/S", "S.A.", "Pty", "B.V."]
INDUSTRIES = ["Agriculture", "Banking", "Construction", "Consulting", "Education", "Energy", "Healthcare", "Manufacturing", "Retail", "Technology"]
STREETS = ["Station Road", "Hauptstraße", "Rue de la Gare", "Mill Lane", "Sunset Boulevard", "Østergade", "Calle Mayor"]
CITIES = ["København", "Leeds", "Portland", "Lyon", "München", "Austin", "Perth", "Zürich", "Málaga"]


def row(n):
    mixed = n * 2654435761 % 4294967296
    return [
        f"CRM-{n:08d}",
        f"{FIRST[mixed % 12]} {TRADE[mixed // 12 % 11]} {FORM[mixed // 132 % 8]} {n}",
        "" if mixed % 17 == 0 else INDUSTRIES[mixed // 7 % 10],
        f"+{mixed % 80 + 10} {mixed // 80 % 9000 + 1000} {mixed // 97 % 900000 + 100000}",
        f"{mixed % 399 + 1} {STREETS[mixed // 399 % 7]}, floor {mixed // 3 % 30}",
        CITIES[mixed // 11 % 9],
        f"{mixed // 13 % 90000 + 10000}",
        str(mixed // 5 % 20000),
        f"{mixed % 100000000 / 100:.2f}",
    ]


def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows(map(row, range(rows)))


def parts(path, folder, most):
    """The file in pieces that a job takes, each with the header; the file itself where it is one piece."""
    made, out, header = [], None, None
    with open(path, "rb") as file:
        # No value of ours has a line break.
        for line in file:
            if header is None:
                header = line
                continue
            if out is None or out.tell() + len(line) > most:
                made.append(folder / f"part-{len(made)}.csv")
                if out:
                    out.close()
                out = open(made[-1], "wb")
                out.write(header)
            out.write(line)
    out.close()
    return made


class Sum:
    """How many records, and a sum over all of them."""

    def __init__(self):
        self.count = self.sum = 0

    def add(self, values):
        shown = [repr(float(v)) if v and f in NUMBERS else v for f, v in zip(FIELDS, values)]
        digest = hashlib.blake2b("\x1f".join(shown).encode(), digest_size=8).digest()
        self.count += 1
        self.sum = (self.sum + int.from_bytes(digest, "big")) % (1 << 64)

    def __eq__(self, other):
        return (self.count, self.sum) == (other.count, other.sum)


def of_source(rows):
    told = Sum()
    for n in range(rows):
        told.add(row(n))
    return told
