"""Rows of the sample data, in DuckDB's SQL, made from whole-number arithmetic alone.

``{days}`` and the like are filled in by :mod:`snowflake_mcp.simulator.samples`. No random
function is used: the same day gives the same rows on every machine and with every DuckDB.
"""

# ruff: noqa: S608 the SQL is put together from constants alone

from typing import Final

__all__ = ["MACROS", "ROWS"]

MACROS: Final = (
    # A well-mixed number in 0..n-1 for row i; each salt gives another column.
    """CREATE TEMP MACRO pick(i, salt, n) AS
        ((((xor(i * 2654435761 + salt * 40503, (i * 2654435761 + salt * 40503) >> 13)
        % 2147483647) * 48271) % 2147483647) % n)::BIGINT""",
    "CREATE TEMP MACRO one_of(i, salt, words) AS words[pick(i, salt, len(words)) + 1]",
    # The day grows with i, so that keys rise with time; the time of day is spread.
    """CREATE TEMP MACRO moment(i, salt, total) AS
        TIMESTAMP '{start}' + to_days((i * {days} // total)::INTEGER)
        + to_seconds(21600 + pick(i, salt, 61200))""",
)

_GIVEN: Final = (
    "['Ana','Bjørn','Chloé','Dmitri','Élodie','Fatima','Giulia','Håkon','Inés','João','Kenji',"
    "'Łucja','Mei','Noah','Olga','Priya','Quentin','Renée','Søren','Tomáš','Uğur','Věra','Wei',"
    "'Xenia','Yuki','Zoë','美咲','王伟','Αλέξανδρος','Ольга']"
)
_FAMILY: Final = (
    "['Andersen','Bianchi','Çelik','Dubois','Eriksson','Fernández','García','Hansen','Ivanova',"
    "'Jørgensen','Kowalski','López','Müller','Nakamura','O''Connor','Petrov','Quinn','Rossi',"
    "'Schäfer','Tanaka','Ünal','Virtanen','Weiß','Xu','Yılmaz','Zhang','Novák','Singh']"  # noqa: RUF001 a real name
)

ROWS: Final = (
    """INSERT INTO DEMO.SALES.REGIONS VALUES
        (1, 'Nordics', 'SEK', '["SE","NO","DK","FI"]'), (2, 'DACH', 'EUR', '["DE","AT","CH"]'),
        (3, 'UK & Ireland', 'GBP', '["GB","IE"]'),
        (4, 'Southern Europe', 'EUR', '["ES","IT","PT"]'),
        (5, 'France & Benelux', 'EUR', '["FR","BE","NL","LU"]'), (6, 'Japan', 'JPY', '["JP"]'),
        (7, 'North America', 'USD', '["US","CA"]'), (8, 'Latin America', 'USD', NULL)""",
    f"""INSERT INTO DEMO.SALES.CUSTOMERS
    SELECT i,
        CASE WHEN pick(i, 3, 5) = 0
            THEN one_of(i, 1, {_FAMILY}) || ' ' || one_of(i, 2, ['GmbH','AB','Ltd','S.A.','K.K.'])
            ELSE one_of(i, 1, {_GIVEN}) || ' ' || one_of(i, 2, {_FAMILY}) END,
        CASE WHEN pick(i, 4, 25) > 0 THEN 'customer' || i || '@example.com' END,
        1 + pick(i, 5, 8),
        one_of(i, 6, ['SE','DE','GB','ES','FR','JP','US','BR',NULL]),
        one_of(i, 7, ['Malmö','Köln','Leeds','Málaga','Liège','大阪','Portland','São Paulo']),
        one_of(i, 8, ['consumer','consumer','consumer','business','enterprise']),
        CASE WHEN pick(i, 8, 5) > 2 THEN (1000 + pick(i, 9, 990) * 100)::DECIMAL(12,2) END,
        moment(i, 10, 5001),
        CASE WHEN pick(i, 11, 12) > 0 THEN (moment(i, 10, 5001)
            + to_hours(pick(i, 12, 500)::INTEGER)) AT TIME ZONE 'UTC' END,
        pick(i, 13, 10) > 0,
        json_object('language', one_of(i, 14, ['sv','de','en','es','fr','ja','pt']),
            'newsletter', pick(i, 15, 2) = 1,
            'channels', one_of(i, 16, [['email'],['email','sms'],[]])),
        CASE WHEN pick(i, 17, 3) = 0 THEN to_json(one_of(i, 18,
            [['vip'],['churn-risk'],['vip','early-adopter'],['reseller']])) END
    FROM range(1, 5001) t(i)""",
    """INSERT INTO DEMO.PRODUCT.PRODUCTS
    SELECT i, 'SKU-' || lpad(i::VARCHAR, 5, '0'),
        one_of(i, 1, ['Aurora','Fjord','Lumen','Nordlys','Café','Zürich','Sakura','Polar'])
            || ' ' || one_of(i, 2, ['Lamp','Chair','Desk','Headset','Mug','Backpack','Keyboard'])
            || ' ' || (1 + i % 9),
        one_of(i, 2, ['Lighting','Furniture','Furniture','Audio','Kitchen','Travel','Computing']),
        (5 + pick(i, 3, 49500) / 100)::DECIMAL(10,2),
        CASE WHEN pick(i, 4, 8) > 0 THEN round(0.1 + pick(i, 4, 2500) / 100.0, 2) END,
        DATE '{start}' - to_days(pick(i, 5, 900)::INTEGER),
        CASE WHEN pick(i, 6, 11) = 0 THEN DATE '{start}' + to_days(pick(i, 7, {days})::INTEGER) END,
        CASE WHEN pick(i, 8, 9) > 0 THEN json_object(
            'colour', one_of(i, 9, ['black','white','birch','blå','red']),
            'warranty_months', 12 * (1 + pick(i, 10, 3)),
            'dimensions_cm', [10 + pick(i, 11, 90), 10 + pick(i, 12, 60)]) END,
        unhex(lpad((4000000000000 + i * 7919)::VARCHAR, 14, '0'))
    FROM range(1, 241) t(i)""",
    """INSERT INTO DEMO.SALES.ORDER_ITEMS
    SELECT o, n, p, q, price, q * price FROM (
        SELECT o, n, 1 + pick(o * 4 + n, 1, 240) AS p, 1 + pick(o * 4 + n, 2, 4) AS q,
            (5 + pick(1 + pick(o * 4 + n, 1, 240), 3, 49500) / 100)::DECIMAL(10,2) AS price
        FROM range(1, 60001) t(o), range(1, 5) u(n) WHERE n <= 1 + pick(o, 3, 4) ORDER BY o, n)""",
    """INSERT INTO DEMO.SALES.ORDERS
    SELECT i, 1 + pick(i, 1, 5000) * (1 + pick(i, 2, 3)) // 3, moment(i, 3, 60001),
        CASE WHEN i > 59000 THEN one_of(i, 4, ['NEW','PAID','SHIPPED'])
            ELSE one_of(i, 4, ['DELIVERED','DELIVERED','DELIVERED','DELIVERED','SHIPPED',
                'DELIVERED','RETURNED','CANCELLED']) END,
        one_of(i, 5, ['web','web','app','store','partner']), s.total,
        CASE WHEN pick(i, 6, 4) = 0 THEN (1 + pick(i, 7, 6)) * 0.05 END,
        CASE WHEN pick(i, 8, 9) > 0 AND i <= 59500
            THEN (moment(i, 3, 60001) + to_days((1 + pick(i, 9, 5))::INTEGER))::DATE END,
        CASE WHEN pick(i, 10, 3) = 0 THEN json_object('street',
            one_of(i, 11, ['Götgatan','Königsallee','Rue de l''Église','High St','桜通り'])
            || ' ' || (1 + pick(i, 12, 180)), 'zip', lpad(pick(i, 13, 99999)::VARCHAR, 5, '0')) END
    FROM range(1, 60001) t(i)
    JOIN (SELECT ORDER_ID, sum(AMOUNT) AS total FROM DEMO.SALES.ORDER_ITEMS GROUP BY 1) s
    ON s.ORDER_ID = i ORDER BY i""",
    """INSERT INTO DEMO.PRODUCT.PLANS VALUES
        (1, 'Free', 0, 1, '["dashboards"]'), (2, 'Team', 12.5, 5, '["dashboards","export"]'),
        (3, 'Business', 29, 20, '["dashboards","export","sso"]'),
        (4, 'Enterprise', 55, 100, '["dashboards","export","sso","audit","support"]')""",
    """INSERT INTO DEMO.PRODUCT.SUBSCRIPTIONS
    SELECT i, 1 + pick(i, 31, 5000), p.PLAN_ID, seats, day,
        CASE WHEN over THEN least(
            day + to_days((30 + pick(i, 4, 400))::INTEGER), DATE '{today}')::DATE END,
        seats * p.MONTHLY_PRICE,
        CASE WHEN over AND pick(i, 5, 3) > 0 THEN one_of(i, 6,
            ['too expensive','missing feature','moved to a competitor','fermé l''entreprise']) END
    FROM (SELECT i, 1 + pick(i, 2, 4) AS plan, 1 + pick(i, 3, 60) AS seats,
            moment(i, 7, 3501)::DATE AS day, pick(i, 8, 4) = 0 AS over
        FROM range(1, 3501) t(i)) s
    JOIN DEMO.PRODUCT.PLANS p ON p.PLAN_ID = s.plan""",
    """INSERT INTO DEMO.PRODUCT.EVENTS
    SELECT i, moment(i, 1, 250001) + to_milliseconds(pick(i, 2, 1000)),
        CASE WHEN pick(i, 3, 6) > 0 THEN 1 + pick(i, 4, 5000) END,
        one_of(i, 5, ['page_view','page_view','page_view','search','add_to_cart','login',
            'export','error']),
        CASE WHEN pick(i, 6, 7) > 0 THEN 5 + pick(i, 7, 4000) END,
        lpad(hex(pick(i // 6, 8, 2147483647)), 16, '0'),
        CASE WHEN pick(i, 9, 5) > 0 THEN ('{{"path":"/p/' || pick(i, 10, 240) || '","ab":"'
            || one_of(i, 11, ['a','b']) || '"}}')::JSON END
    FROM range(1, 250001) t(i)""",
    f"""INSERT INTO DEMO.SUPPORT.AGENTS
    SELECT i, one_of(i, 1, {_GIVEN}) || ' ' || one_of(i, 2, {_FAMILY}),
        one_of(i, 3, ['first line','billing','technical']),
        to_json(one_of(i, 4, [['en'],['en','sv'],['en','de'],['en','ja'],['en','fr','es']])),
        DATE '{{start}}' - to_days(pick(i, 5, 2000)::INTEGER),
        one_of(i, 6, [TIME '06:00:00', TIME '14:00:00', TIME '22:30:00'])
    FROM range(1, 25) t(i)""",
    """INSERT INTO DEMO.SUPPORT.TICKETS
    SELECT i, 1 + pick(i, 41, 5000), CASE WHEN i <= 7900 THEN 1 + pick(i, 2, 24) END,
        moment(i, 3, 8001),
        CASE WHEN i <= 7700 THEN moment(i, 3, 8001) + to_minutes(20 + pick(i, 4, 9000)) END,
        one_of(i, 5, ['low','normal','normal','normal','high','urgent']),
        one_of(i, 6, ['Where is my order?','Invoice is wrong','Cannot log in','Feature request',
            'Rückgabe','返品について','Account cancellation','Export fails 🙁']),
        CASE WHEN i <= 7700 AND pick(i, 7, 3) = 0 THEN 1 + pick(i, 8, 5) END
    FROM range(1, 8001) t(i)""",
    """INSERT INTO DEMO.FINANCE.INVOICES
    SELECT i, 1 + pick(i, 51, 5000), day, day + 30, net, rate, net * (1 + rate),
        one_of(i, 4, ['EUR','EUR','SEK','GBP','USD','JPY'])
    FROM (SELECT i, moment(i, 5, 20001)::DATE AS day,
            ((100 + pick(i, 2, 500000)) / 100.0)::DECIMAL(12,2) AS net,
            one_of(i, 3, [0.250, 0.190, 0.200, 0.000])::DECIMAL(4,3) AS rate
        FROM range(1, 20001) t(i))""",
    """INSERT INTO DEMO.FINANCE.PAYMENTS
    SELECT row_number() OVER (ORDER BY INVOICE_ID), INVOICE_ID,
        least(INVOICED_ON + pick(INVOICE_ID, 6, 45)::INTEGER, DATE '{today}'),
        CASE WHEN pick(INVOICE_ID, 7, 12) = 0 THEN GROSS_AMOUNT / 2 ELSE GROSS_AMOUNT END,
        one_of(INVOICE_ID, 8, ['card','card','transfer','direct_debit','wallet'])
    FROM DEMO.FINANCE.INVOICES WHERE pick(INVOICE_ID, 9, 9) > 0 AND INVOICE_ID <= 19200""",
    """INSERT INTO DEMO.FINANCE.EXCHANGE_RATES
    SELECT m::DATE, c, round(base * (0.95 + pick(i, k, 1000) / 10000.0), 8)
    FROM (SELECT i, DATE '{start}' + to_months(i::INTEGER) AS m FROM range(0, 36) t(i))
    JOIN (VALUES ('SEK', 0.088, 1), ('GBP', 1.17, 2), ('USD', 0.92, 3), ('JPY', 0.0061, 4))
        v(c, base, k)
    ON m <= DATE '{today}'""",
    """INSERT INTO MARKETING.CAMPAIGNS.CAMPAIGNS
    SELECT i, one_of(i, 1, ['Spring','Summer','Back to school','Black Friday','Jul','Sakura'])
            || ' ' || year(moment(i, 2, 41)),
        one_of(i, 3, ['email','search','social','partner']),
        CASE WHEN pick(i, 4, 7) > 0 THEN (500 + pick(i, 5, 400) * 50)::DECIMAL(12,2) END,
        moment(i, 2, 41)::DATE,
        CASE WHEN i < 39
            THEN (moment(i, 2, 41) + to_days((14 + pick(i, 6, 60))::INTEGER))::DATE END,
        json_object('segment', one_of(i, 7, ['consumer','business']),
            'min_age', 18 + pick(i, 8, 20))
    FROM range(1, 41) t(i)""",
    """INSERT INTO MARKETING.CAMPAIGNS.LEADS
    SELECT i, 1 + pick(i, 1, 40), moment(i, 2, 2001),
        CASE WHEN pick(i, 3, 8) > 0 THEN pick(i, 4, 1000) / 1000.0 END,
        CASE WHEN pick(i, 5, 6) = 0 THEN 1 + pick(i, 6, 5000) END
    FROM range(1, 2001) t(i)""",
)
